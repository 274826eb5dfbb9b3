package prom

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// Prometheus' parser wants the whole text in one piece. The text is given to
// it in pieces of whole lines instead, so that a dump of any length takes a
// fixed buffer and an error can name its line.
const (
	pieceLength = 1 << 20
	longestLine = 16 << 20
	endOfText   = "# EOF\n"
)

// text reads OpenMetrics into memory.
type text struct {
	name    string
	into    *memory
	known   map[string]*series // by the text of the series, as written
	symbols *labels.SymbolTable
	lines   int    // lines that were parsed
	family  []byte // the last "# TYPE" line, which the next piece depends on
	ended   bool   // "# EOF" was read
	piece   []byte // scratch
}

// readText reads all of r; name is for errors, which name the line.
func readText(ctx context.Context, name string, r io.Reader, into *memory) error {
	t := &text{name: name, into: into, known: map[string]*series{}, symbols: labels.NewSymbolTable()}
	buffer := make([]byte, 0, pieceLength)
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var err error
		buffer, err = fill(buffer, r)
		whole := bytes.LastIndexByte(buffer, '\n') + 1
		if bad := t.parse(buffer[:whole]); bad != nil {
			return bad
		}
		buffer = buffer[:copy(buffer, buffer[whole:])]
		switch {
		case err == io.EOF:
			return t.end(buffer, nil)
		case err != nil:
			return t.end(buffer, err)
		case len(buffer) == longestLine:
			return fmt.Errorf("%s:%d: the line is longer than %d MiB: not OpenMetrics", name, t.lines+1, longestLine>>20)
		case len(buffer) == cap(buffer):
			buffer = append(make([]byte, 0, 2*cap(buffer)), buffer...)
		}
	}
}

// fill reads until buffer is full, or r ends or fails.
func fill(buffer []byte, r io.Reader) ([]byte, error) {
	for len(buffer) < cap(buffer) {
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if err != nil {
			return buffer, err
		}
	}
	return buffer, nil
}

// parse reads a piece of whole lines.
func (t *text) parse(lines []byte) error {
	if len(bytes.TrimSpace(lines)) == 0 && (t.ended || len(lines) == 0) {
		return nil
	}
	if t.ended {
		return fmt.Errorf("%s:%d: there is text after # EOF: are these several dumps in one file? Split them", t.name, t.lines+1)
	}
	t.piece = append(t.piece[:0], t.family...)
	t.piece = append(t.piece, lines...)
	if bytes.HasSuffix(lines, []byte("\n"+endOfText)) || string(lines) == endOfText {
		t.ended = true
	} else {
		t.piece = append(t.piece, endOfText...)
	}
	before := t.lines
	if len(t.family) > 0 {
		t.lines-- // its line was counted in its own piece
	}
	if err := t.entries(textparse.NewOpenMetricsParser(t.piece, t.symbols)); err != nil {
		return err
	}
	t.lines = before + bytes.Count(lines, []byte{'\n'})
	t.keepFamily(lines)
	return nil
}

// entries adds what the parser finds; every entry is one line.
func (t *text) entries(p textparse.Parser) error {
	for {
		entry, err := p.Next()
		if err == io.EOF {
			return nil
		}
		t.lines++
		if err != nil {
			return t.refuse("%s; not OpenMetrics from here on: %s", short(err.Error()), t.into.progress())
		}
		if entry != textparse.EntrySeries {
			continue
		}
		written, at, v := p.Series()
		if at == nil {
			return t.refuse("%s has no timestamp: this is one scrape, not a history. Let a Prometheus scrape the target and record from it", written)
		}
		s := t.known[string(written)]
		if s == nil {
			var l labels.Labels
			p.Labels(&l)
			s = t.into.open(l)
			t.known[string(written)] = s
		}
		if err := t.into.add(s, *at, v); err != nil {
			return t.refuse("%v", err)
		}
	}
}

func (t *text) refuse(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", t.name, t.lines, fmt.Sprintf(format, args...))
}

// keepFamily remembers the last "# TYPE" line of a piece.
func (t *text) keepFamily(lines []byte) {
	if i := bytes.LastIndex(lines, []byte("\n# TYPE ")); i >= 0 {
		lines = lines[i+1:]
	} else if !bytes.HasPrefix(lines, []byte("# TYPE ")) {
		return
	}
	t.family = append(t.family[:0], lines[:bytes.IndexByte(lines, '\n')+1]...)
}

// end judges how the text ended: rest is what follows the last line break,
// cause the error of the reader, if any.
func (t *text) end(rest []byte, cause error) error {
	const advice = "the dump is incomplete: make it again, or cut it after its last whole line and end it with a line \"# EOF\""
	switch {
	case cause != nil:
		t.lines++
		return t.refuse("the file breaks off (%v); %s; %s", cause, t.into.progress(), advice)
	case string(rest) == "# EOF" && !t.ended:
		t.ended = true
		return nil
	case len(rest) > 0 && t.ended:
		return t.parse(append(rest, '\n'))
	case len(rest) > 0:
		t.lines++
		return t.refuse("the line is cut: %q; %s; %s", short(string(rest)), t.into.progress(), advice)
	case !t.ended:
		t.lines++
		return t.refuse("no \"# EOF\" at the end; %s; %s", t.into.progress(), advice)
	}
	return nil
}

// short bounds what an error quotes.
func short(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
