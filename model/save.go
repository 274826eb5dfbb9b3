package model

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// Save writes m to path, whole or not at all: a reader sees the file that was
// there before or the new one, also after a crash.
func Save(path string, m *Model) error {
	if err := durable.Write(path, 0o644, func(w io.Writer) error { return Write(w, m) }); err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	return nil
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
