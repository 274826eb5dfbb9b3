package file

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// isPattern says whether a name stands for several files.
func isPattern(name string) bool { return strings.ContainsAny(name, "*?[\\") }

// find returns the files of a pattern, or the one that is named. An error says that a
// folder cannot be read, and so that not finding a file means nothing.
func find(pattern string) ([]string, error) {
	if !isPattern(pattern) {
		return []string{pattern}, nil
	}
	root := filepath.Dir(pattern)
	for isPattern(root) {
		root = filepath.Dir(root)
	}
	if _, err := os.ReadDir(root); err != nil {
		return nil, fmt.Errorf("files %s: %w; is the folder mounted?", pattern, err)
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("files %s: %w", pattern, err)
	}
	files := found[:0]
	for _, name := range found {
		if stat, err := os.Stat(name); err != nil || stat.Mode().IsRegular() {
			files = append(files, name) // an error is one of the file, to be told when it is read
		}
	}
	return files, nil
}

// matching are the files known so far that are of a pattern.
func (w *watch) matching(pattern string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range w.files {
			if ok, _ := filepath.Match(pattern, name); ok && !yield(name) {
				return
			}
		}
	}
}

// folders adds those that files of a pattern may come to be in.
func folders(pattern string, to map[string]bool) {
	for dir := filepath.Dir(pattern); ; dir = filepath.Dir(dir) {
		if !isPattern(dir) {
			to[dir] = true
			return
		}
		found, _ := filepath.Glob(dir) // a bad pattern was refused
		for _, d := range found {
			if stat, err := os.Stat(d); err == nil && stat.IsDir() {
				to[d] = true
			}
		}
	}
}

// linked adds the folder that a file really is in: a ConfigMap's is a link, and so
// may be what it leads to.
func linked(name string, to map[string]bool) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		to[filepath.Dir(real)] = true
	}
}
