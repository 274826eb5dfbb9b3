package lab

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeFile writes dir/name and flushes it to the disk.
func writeFile(dir, name string, write func(io.Writer) error) (err error) {
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	if err := write(out); err != nil {
		return fmt.Errorf("write %s: %w", file.Name(), err)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

// zipped compresses what write writes as far as gzip can.
func zipped(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		if err := write(z); err != nil {
			return err
		}
		return z.Close()
	}
}

// indented writes v as JSON that people can read.
func indented(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
}
