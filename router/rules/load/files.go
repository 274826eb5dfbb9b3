package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what is read at once: beyond them, something else than rules is meant.
const (
	maxBytes = 128 << 20
	maxFiles = 10_000
)

// ErrNone says that a directory has no rules in it.
var ErrNone = errors.New("no rules: want files *.yaml, *.yml or *.json")

// file is the text of one file, and what errors call it.
type file struct {
	name string
	text []byte
}

// Read reads files, and directories with those below them, into one text, and tells
// what errors shall call it: the path, or where there are several the directory that
// they are all in.
//
// Of a directory, and the directories in it, files are read that are called *.yaml,
// *.yml or *.json, in the order of their names. What begins with a dot is passed over,
// as the ..data of a config map that Kubernetes mounts, whose files are links to it;
// a link to a directory is an error: it might lead back here. Files without a word in
// them are no text at all.
func Read(paths ...string) (name string, text []byte, err error) {
	var files []file
	for _, path := range paths {
		own, err := gather(filepath.Clean(path), len(files))
		if err != nil {
			return "", nil, err
		}
		files = append(files, own...)
	}
	total, blank := 0, true
	for _, f := range files {
		total += len(f.text)
		blank = blank && len(bytes.TrimSpace(f.text)) == 0
	}
	if total > maxBytes {
		return "", nil, fmt.Errorf("%s: more than %d bytes of rules", strings.Join(paths, ", "), maxBytes)
	}
	name = root(paths)
	if blank {
		return name, nil, nil
	}
	return name, bundle(name, files), nil
}

// root is the path itself, or else the directory that all paths are in.
func root(paths []string) string {
	if len(paths) == 1 {
		return filepath.Clean(paths[0])
	}
	var common []string
	for i, path := range paths {
		parts := strings.Split(filepath.Dir(filepath.Clean(path)), string(filepath.Separator))
		if i == 0 {
			common = parts
		}
		n := 0
		for n < min(len(common), len(parts)) && common[n] == parts[n] {
			n++
		}
		common = common[:n]
	}
	return filepath.Clean(strings.Join(append(common, ""), string(filepath.Separator)))
}

func gather(path string, before int) ([]file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		text, err := content(path)
		return []file{{path, text}}, err
	}
	var files []file
	// With the separator, a path that is a link to a directory is entered.
	err = filepath.WalkDir(path+string(filepath.Separator), func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case at == path+string(filepath.Separator):
			return nil
		case strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			if target, err := os.Stat(at); err == nil && target.IsDir() {
				return fmt.Errorf("%s is a link to a directory, which is not followed; name that directory itself", at)
			}
		}
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(at)) {
			return nil
		}
		if before+len(files) >= maxFiles {
			return fmt.Errorf("%s has more than %d files of rules", path, maxFiles)
		}
		text, err := content(at)
		files = append(files, file{at, text})
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: %w", path, ErrNone)
	}
	return files, err
}

func content(path string) ([]byte, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxBytes+1))
	if err == nil && len(text) > maxBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, maxBytes)
	}
	return text, err
}
