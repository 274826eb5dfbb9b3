package prom

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// Open reads the dump at path, whatever its name: OpenMetrics or the JSON of
// query_range, either of them plain or gzipped, or a folder of TSDB blocks (or
// one block). Files are read into memory, blocks stay on disk. A text that is
// cut or bad is refused, with the line and with what was read until there.
func Open(ctx context.Context, path string) (*Dump, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		b, err := openBlocks(ctx, path)
		if err != nil {
			return nil, err
		}
		return newDump(b, b.first, b.last, b.interval, b.slowest, b.Close), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return read(ctx, path, file)
}

// read reads a dump that is one stream; name is for errors.
func read(ctx context.Context, name string, r io.Reader) (*Dump, error) {
	into := newMemory()
	if err := recognise(ctx, name, bufio.NewReaderSize(r, bufferLength), into); err != nil {
		return nil, err
	}
	if into.count == 0 {
		return nil, fmt.Errorf("%s: holds no sample", name)
	}
	if into.last > farthest {
		return nil, fmt.Errorf("%s: its samples reach the time %s; OpenMetrics and query_range count seconds: are these milliseconds?", name, clock(into.last))
	}
	into.seal()
	return newDump(into, into.first, into.last, into.interval, into.slowest, func() error { return nil }), nil
}

// farthest is the latest time that is believed, in milliseconds: year 2286.
const farthest = 9_999_999_999_000

// recognise finds out from the first bytes what r holds, and reads it.
func recognise(ctx context.Context, name string, r *bufio.Reader, into *memory) error {
	head, err := peek(r)
	if err == nil && bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		unpacked, bad := gzip.NewReader(r)
		if bad != nil {
			return fmt.Errorf("%s: begins like gzip but is not: %w", name, bad)
		}
		r = bufio.NewReaderSize(unpacked, bufferLength)
		head, err = peek(r)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case isBinary(head):
		return fmt.Errorf("%s:1: a binary file, starting with %q; want OpenMetrics text, the JSON of query_range (either may be gzipped), or a folder of TSDB blocks", name, head[:min(8, len(head))])
	case isJSON(head):
		return readAnswers(ctx, name, r, into)
	}
	return readText(ctx, name, r, into)
}

const bufferLength = 1 << 16

// peek returns the first bytes of r, or says why there are none.
func peek(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(512)
	if len(head) > 0 {
		return head, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	}
	return nil, err
}

// isJSON tells a JSON object from OpenMetrics, where a line may begin
// with a brace too: {"metric name", label="…"} 1.
func isJSON(head []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(head), []byte("{"))
	if !ok {
		return false
	}
	rest = bytes.TrimSpace(rest)
	if !bytes.HasPrefix(rest, []byte{'"'}) {
		return true
	}
	end := bytes.IndexByte(rest[1:], '"')
	return end >= 0 && bytes.HasPrefix(bytes.TrimSpace(rest[end+2:]), []byte{':'})
}

// isBinary reports whether text would not begin like this. A character may be
// cut at the end of head.
func isBinary(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return true
	}
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 && len(head) >= utf8.UTFMax {
			return true
		}
		head = head[n:]
	}
	return false
}
