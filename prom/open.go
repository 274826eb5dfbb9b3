package prom

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// Open reads the dump at path, whatever its name, by its first bytes:
// OpenMetrics, the Prometheus text format 0.0.4, the JSON of query_range (one
// answer or several), or the JSON lines of VictoriaMetrics' /api/v1/export,
// each of them plain, gzip or zstd; or a folder of TSDB blocks (or one block),
// which a running Prometheus may have open: it is only read. Files are read
// into memory, blocks stay on disk.
//
// A text that is cut or bad is refused, with the line and with what was read
// until there. The samples of a series may come in any order, and twice; two
// different values at one time are refused. A text without timestamps is one
// scrape: see Dump.Instant.
func Open(ctx context.Context, path string) (*Dump, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if stat.IsDir() {
		return openFolder(ctx, path)
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
	if err := recognise(ctx, name, r, into); err != nil {
		return nil, err
	}
	if into.count == 0 {
		return nil, fmt.Errorf("%s: holds no sample", name)
	}
	if into.last > farthest {
		return nil, fmt.Errorf("%s: its samples reach the time %s; OpenMetrics and query_range count seconds: are these milliseconds? (The Prometheus text format and VictoriaMetrics count milliseconds)", name, clock(into.last))
	}
	if err := into.seal(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := newDump(into, into.first, into.last, into.interval, into.slowest, func() error { return nil })
	d.Notes = into.notes
	return d, nil
}

// farthest is the latest time that is believed, in milliseconds: year 2286.
const farthest = 9_999_999_999_000

// recognise finds out from the first bytes what r holds, and reads it.
func recognise(ctx context.Context, name string, r io.Reader, into *memory) error {
	unpacked, done, err := Unpack(bufio.NewReaderSize(r, bufferLength))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer done()
	head, err := peek(unpacked)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case foreign(head) != "":
		return fmt.Errorf("%s:1: %s", name, foreign(head))
	case isBinary(head):
		return fmt.Errorf("%s:1: a binary file, starting with %q; want OpenMetrics or Prometheus text, the JSON of query_range or of VictoriaMetrics' export (each may be packed with gzip or zstd), or a folder of TSDB blocks", name, head[:min(8, len(head))])
	}
	switch key, ok := firstKey(head); {
	case !ok:
		return readText(ctx, name, unpacked, into)
	case key == "metric" || key == "values" || key == "timestamps":
		return readExport(ctx, name, unpacked, into)
	}
	return readAnswers(ctx, name, unpacked, into)
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
	return nil, fmt.Errorf("the file breaks off (%w)", err)
}

// foreign says what else begins like this, of what people take for a dump, and
// what to do about it; empty where nothing is known.
func foreign(head []byte) string {
	begins := func(with string) bool { return bytes.HasPrefix(bytes.TrimSpace(head), []byte(with)) }
	switch {
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return "an archive of tar; unpack it and give the folder, or the file, that was in it"
	case begins("\xff\xfe"), begins("\xfe\xff"):
		return "the text is UTF-16, as PowerShell's > writes it; make it UTF-8: iconv -f UTF-16 -t UTF-8"
	case begins("\xef\xbb\xbf"):
		return `the text begins with a byte order mark; remove it: sed '1s/^\xef\xbb\xbf//'`
	case begins("<"):
		return "a web page, not metrics: did the server want another address, or a login?"
	case begins("["):
		return `a JSON array; want all of query_range's answer, which begins with {"status", or VictoriaMetrics' export, which has an object a line`
	}
	return ""
}

// firstKey returns the first key of a JSON object. It tells JSON from
// OpenMetrics, where a line may begin with a brace too: {"metric name",
// label="…"} 1.
func firstKey(head []byte) (key string, ok bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(head), []byte("{"))
	if !ok {
		return "", false
	}
	rest = bytes.TrimSpace(rest)
	if !bytes.HasPrefix(rest, []byte{'"'}) {
		return "", true
	}
	end := bytes.IndexByte(rest[1:], '"')
	if end < 0 || !bytes.HasPrefix(bytes.TrimSpace(rest[end+2:]), []byte{':'}) {
		return "", false
	}
	return string(rest[1 : end+1]), true
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
