package model

import (
	"io"
	"os"
	"path/filepath"
)

// IsModel reports whether path begins like a model file, or is a registry
// directory. It says nothing of whether the model can be read.
func IsModel(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_, err := os.Lstat(filepath.Join(path, "latest"))
		return err == nil
	}
	start := make([]byte, len(magic))
	_, err = io.ReadFull(file, start)
	return err == nil && string(start) == magic
}
