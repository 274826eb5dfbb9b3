package model

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Save writes m to path, whole or not at all: a reader sees the file that was
// there before or the new one, also after a crash.
func Save(path string, m *Model) error {
	temporary, err := writeTemporary(filepath.Dir(path), func(f *os.File) error { return Write(f, m) })
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	defer os.Remove(temporary) // fails once it has its name
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// Load reads the model at path: a file, or a registry directory's latest.
func Load(path string) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return directory(path).Latest(context.Background())
	}
	return readFile(path)
}

func readFile(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := Read(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// temporaryPrefix begins the names of files that are being written.
const temporaryPrefix = ".writing-"

// writeTemporary writes a new file in directory, on the disk when it returns.
func writeTemporary(directory string, write func(*os.File) error) (path string, err error) {
	f, err := os.CreateTemp(directory, temporaryPrefix+"*")
	if err != nil {
		return "", err
	}
	if err = write(f); err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncDirectory makes a rename outlast a crash.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
