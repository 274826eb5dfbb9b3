// Package durable writes files that are there whole or not at all: a reader finds what
// was there before or what is new, also when the process or the machine dies meanwhile.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Prefix begins the names of files that are being written. What is left of a process
// that died can be removed.
const Prefix = ".writing-"

// Write replaces the file at path by what write writes, and returns when that is on
// the disk. Where anything fails, what was there before stays.
func Write(path string, mode fs.FileMode, write func(io.Writer) error) error {
	temporary, err := Temporary(filepath.Dir(path), mode, write)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return Sync(filepath.Dir(path))
}

// WriteText is Write of a text.
func WriteText(path string, mode fs.FileMode, text []byte) error {
	return Write(path, mode, func(w io.Writer) error { _, err := w.Write(text); return err })
}

// Temporary writes a file of a name of its own into a directory, on the disk when it
// returns, for who gives it its name by other means than a rename. Where anything
// fails nothing is left.
func Temporary(directory string, mode fs.FileMode, write func(io.Writer) error) (path string, err error) {
	f, err := os.CreateTemp(directory, Prefix+"*")
	if err != nil {
		return "", err
	}
	if err = write(f); err == nil {
		err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Sync makes names that were made, changed or removed in a directory outlast a crash.
func Sync(directory string) error {
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
