package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Digest identifies the recording by its content, in hexadecimal: the SHA-256
// of its file or, of a directory, of its files' names and contents in the
// order of their names; of a history that is left at a server, of the server's
// name and the span.
func (r *Recording) Digest(ctx context.Context) (string, error) {
	sum := sha256.New()
	if history, ok := r.Dump.(remote); ok {
		name, _ := history.Identity()
		start, end := r.Dump.Span()
		fmt.Fprintf(sum, "%s\x00%d\x00%d", name, start.UnixMilli(), end.UnixMilli())
		return hex.EncodeToString(sum.Sum(nil)), nil
	}
	err := filepath.WalkDir(r.Path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name != r.Path {
			inside, err := filepath.Rel(r.Path, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, "%s\x00", filepath.ToSlash(inside))
		}
		return copyFile(ctx, sum, name)
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
