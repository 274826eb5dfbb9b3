package load

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// A bundle is several files in one text that a person can read:
//
//	# fairway bundle of 2 files
//	# file "reviews.yaml" of 1234 bytes
//	…the file, and a line break
//	# file "routes/reviews.json" of 56 bytes
//	…
//
// Names are relative to where the files were found, with slashes.
const (
	bundleHead = "# fairway bundle of %d files\n"
	bundlePart = "# file %q of %d bytes\n"
)

var bundleMark = []byte("# fairway bundle of ")

// bundle makes one text of files. A file that was named by itself is its own.
func bundle(root string, files []file) []byte {
	if len(files) == 1 && files[0].name == root {
		return files[0].text
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, bundleHead, len(files))
	for _, f := range files {
		name, err := filepath.Rel(root, f.name)
		if err != nil {
			name = f.name // of another tree
		}
		fmt.Fprintf(&text, bundlePart, filepath.ToSlash(name), len(f.text))
		text.Write(f.text)
		text.WriteByte('\n')
	}
	return text.Bytes()
}

// unbundle finds the files of a text again; root goes before their names.
func unbundle(root string, text []byte) ([]file, error) {
	if !bytes.HasPrefix(text, bundleMark) {
		return []file{{root, text}}, nil
	}
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	count, err := strconv.Atoi(strings.TrimSuffix(string(head[len(bundleMark):]), " files"))
	if err != nil || count < 0 || count > maxFiles {
		return nil, fmt.Errorf("%s:1: %.60q does not say how many files follow; write the bundle anew", root, head)
	}
	line := 2
	var files []file
	for range count {
		head, body, _ := bytes.Cut(rest, []byte("\n"))
		name, size, err := part(string(head))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", root, line, err)
		}
		if size >= len(body) || body[size] != '\n' {
			return nil, fmt.Errorf("%s:%d: file %q does not end after its %d bytes; write the bundle anew", root, line, name, size)
		}
		own := body[:size]
		files = append(files, file{filepath.Join(root, filepath.FromSlash(name)), own})
		line += 2 + bytes.Count(own, []byte("\n"))
		rest = body[size+1:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%s:%d: more follows after %d files; write the bundle anew", root, line, count)
	}
	return files, nil
}

// part reads the line before a file.
func part(line string) (name string, size int, err error) {
	wrong := fmt.Errorf("%.60q is not the head of a file; write the bundle anew", line)
	rest, ok := strings.CutPrefix(line, "# file ")
	if !ok {
		return "", 0, wrong
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", 0, wrong
	}
	if name, err = strconv.Unquote(quoted); err != nil {
		return "", 0, wrong
	}
	number, ok := strings.CutPrefix(rest[len(quoted):], " of ")
	number, whole := strings.CutSuffix(number, " bytes")
	size, err = strconv.Atoi(number)
	if !ok || !whole || err != nil || size < 0 {
		return "", 0, wrong
	}
	return name, size, nil
}
