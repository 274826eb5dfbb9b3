package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Digest identifies the recording by its content, in hexadecimal: the SHA-256
// of its file or, of a directory, of its files' names and contents in the
// order of their names; of a history that is left at a server, of the server's
// name and the span.
func (r *Recording) Digest() (string, error) {
	sum := sha256.New()
	if history, ok := r.Dump.(remote); ok {
		name, _ := history.Identity()
		start, end := r.Dump.Span()
		fmt.Fprintf(sum, "%s\x00%d\x00%d", name, start.UnixMilli(), end.UnixMilli())
		return hex.EncodeToString(sum.Sum(nil)), nil
	}
	path := r.Path
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name != path {
			inside, err := filepath.Rel(path, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, "%s\x00", filepath.ToSlash(inside))
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(sum, file)
		return err
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
