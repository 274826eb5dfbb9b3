package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/datasets/sheet"
)

// cacheOff is the value of --cache that keeps no windows.
const cacheOff = "off"

// cacheFlag adds --cache, for commands that walk recordings.
func cacheFlag(cmd *cobra.Command, value *string) {
	fallback := cacheOff // where a user has no directory for such things
	if dir, err := os.UserCacheDir(); err == nil {
		fallback = filepath.Join(dir, "fairway")
	}
	cmd.Flags().StringVar(value, "cache", fallback, fmt.Sprintf("directory that keeps what the queries brought, so that nothing is asked twice, %d GiB at most; off: keep nothing", datasets.DefaultCacheLimit>>30))
}

// openCache returns the cache in a directory, or none.
func openCache(stderr io.Writer, directory string) *datasets.Cache {
	if directory == "" || directory == cacheOff {
		return nil
	}
	return &datasets.Cache{
		Directory: directory, Limit: datasets.DefaultCacheLimit, Now: time.Now, Encode: sheet.Encode, Decode: sheet.Decode,
		Tell: func(text string) { fmt.Fprintln(stderr, "fairway:", text) },
	}
}
