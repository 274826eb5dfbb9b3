package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fairway-mesh/fairway/router/meshconfig"
)

// writeManifests writes a file for each, whole or not at all. Files there that fairway
// has not printed are left alone: one in the way is an error.
func writeManifests(dir string, list []*meshconfig.Manifest, stderr io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, m := range list {
		ours[m.File()] = true
		if err := printedByFairway(filepath.Join(dir, m.File())); err != nil {
			return err
		}
	}
	for _, m := range list {
		write := func(out io.Writer) error { _, err := out.Write(m.Text); return err }
		if err := writeFile(filepath.Join(dir, m.File()), write); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if !ours[entry.Name()] && filepath.Ext(path) == ".yaml" && hasHead(path) {
			fmt.Fprintf(stderr, "%s is of an earlier run and is no longer printed; remove it when its object is deleted\n", path)
		}
	}
	return nil
}

// manifestHead begins each manifest that fairway prints.
const manifestHead = "# Printed by fairway mesh config "

// printedByFairway refuses a file in the way of a manifest that is somebody else's.
func printedByFairway(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || hasHead(path) {
		return nil
	}
	return fmt.Errorf("cannot write %s: it is there, and fairway has not printed it; move it away", path)
}

func hasHead(path string) bool {
	opened, err := os.Open(path)
	if err != nil {
		return false
	}
	defer opened.Close()
	head := make([]byte, len(manifestHead))
	_, err = io.ReadFull(opened, head)
	return err == nil && string(head) == manifestHead
}
