package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// place refuses a path at which no file can be written, before the work whose
// result it is for. A device, a pipe or a link is refused too: the new file
// would take its place.
func place(path string) error {
	if stat, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("cannot write %s: %w; make the directory first", path, err)
	} else if !stat.IsDir() {
		return fmt.Errorf("cannot write %s: %s is no directory", path, filepath.Dir(path))
	}
	stat, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case stat.IsDir():
		return fmt.Errorf("cannot write %s: it is a directory; name a file", path)
	case !stat.Mode().IsRegular():
		return fmt.Errorf("cannot write %s: it is no regular file; name one, or leave it out and use stdout", path)
	}
	return nil
}

// writeFile writes a whole file or none: what a reader finds at path is
// either the former content or the new one.
func writeFile(path string, write func(io.Writer) error) error {
	if err := place(path); err != nil {
		return err
	}
	return durable.Write(path, 0o644, write)
}

// writeOutput writes to the file, or to stdout where no file was asked for.
func writeOutput(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return write(stdout)
	}
	return writeFile(path, write)
}

// output passes writes on and keeps the first failure, so that a table which
// nobody could read does not end with status 0.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(text []byte) (int, error) {
	n, err := o.Writer.Write(text)
	o.err = firstError(o.err, err)
	return n, err
}

// newProgress draws a bar on a terminal and nothing in a pipe.
func newProgress(stderr io.Writer, what string, steps int) *progressbar.ProgressBar {
	file, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return progressbar.DefaultSilent(int64(steps))
	}
	return progressbar.NewOptions(steps, progressbar.OptionSetWriter(file), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
}
