package prom

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"unsafe"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
)

const (
	pieceLength = 1 << 20
	longestLine = 16 << 20
	endOfText   = "# EOF"
)

// text reads OpenMetrics or the Prometheus text format into memory.
//
// Prometheus' own parser reads every line whose series is new, and every line
// that is not plain. Most lines of a dump say only a further value and time of
// a series whose text is known already: those are not parsed anew.
type text struct {
	*dialect
	file     string
	into     *memory
	known    map[string]*packed            // by the text of the series, as written
	byType   map[string]map[string]*packed // known, for each type: it decides how a label le is written
	last     []byte                        // the text of the series that came last
	lastOne  *packed
	symbols  *labels.SymbolTable
	lines    int    // lines that were read
	family   []byte // the last "# TYPE" line, on which the next lines depend
	over     bool   // "# EOF" was read
	piece    []byte // scratch
	timeless error  // about the first sample that had none
}

func newText(name string, into *memory) *text {
	t := &text{file: name, into: into, byType: map[string]map[string]*packed{}, symbols: labels.NewSymbolTable()}
	t.under("")
	return t
}

// under notes that the lines that follow belong to a family of this type.
func (t *text) under(kind string) {
	if t.byType[kind] == nil {
		t.byType[kind] = map[string]*packed{}
	}
	t.known = t.byType[kind]
	t.last, t.lastOne = t.last[:0], nil
}

// readText reads all of r; name is for errors, which name the line.
func readText(ctx context.Context, name string, r io.Reader, into *memory) error {
	return newText(name, into).read(ctx, r, pieceLength)
}

// read reads all of r in pieces of whole lines.
func (t *text) read(ctx context.Context, r io.Reader, piece int) error {
	buffer := make([]byte, 0, piece)
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", t.file, err)
		}
		var err error
		buffer, err = fill(buffer, r)
		whole := bytes.LastIndexByte(buffer, '\n') + 1
		if t.dialect == nil {
			d, sure := spoken(buffer[:whole])
			if !sure && err == nil && len(buffer) < longestLine {
				buffer = append(make([]byte, 0, 2*cap(buffer)), buffer...)
				continue
			}
			t.dialect = d
		}
		for line := range bytes.Lines(buffer[:whole]) {
			if bad := t.line(line[:len(line)-1]); bad != nil {
				return bad
			}
		}
		buffer = buffer[:copy(buffer, buffer[whole:])]
		switch {
		case err == io.EOF:
			return t.end(buffer, nil)
		case err != nil:
			return t.end(buffer, err)
		case len(buffer) == longestLine:
			return fmt.Errorf("%s:%d: the line is longer than %d MiB: not %s", t.file, t.lines+1, longestLine>>20, t.name)
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

// line reads one line, without its line break.
func (t *text) line(line []byte) error {
	t.lines++
	if t.over {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		return t.refuse("there is text after # EOF: are these several dumps in one file? Split them")
	}
	if !t.ended {
		line = bytes.TrimLeft(line, " \t") // which the parser would take into the name
	}
	if len(line) > 0 && line[0] != '#' {
		if s, v, at, ok := t.plain(line); ok {
			return t.add(s, v, at)
		}
		return t.parse(line)
	}
	if string(line) == endOfText {
		if !t.ended {
			return t.refuse("this ends like OpenMetrics, whose timestamps are seconds, but the first timestamp is in milliseconds")
		}
		t.over = true
		return nil
	}
	return t.parse(line)
}

// plain reads a line that has a known series, a number, a timestamp and
// nothing else.
func (t *text) plain(line []byte) (s *packed, v float64, at int64, ok bool) {
	var rest []byte
	if n := len(t.last); n > 0 && len(line) > n && line[n] == ' ' && bytes.Equal(line[:n], t.last) {
		s, rest = t.lastOne, line[n+1:]
	} else {
		end := seriesEnd(line)
		if end < 0 || end == len(line) || line[end] != ' ' {
			return nil, 0, 0, false
		}
		if s = t.known[string(line[:end])]; s == nil {
			return nil, 0, 0, false
		}
		t.last, t.lastOne, rest = append(t.last[:0], line[:end]...), s, line[end+1:]
	}
	middle := bytes.IndexByte(rest, ' ')
	if middle <= 0 || middle == len(rest)-1 {
		return nil, 0, 0, false
	}
	v, ok = number(asString(rest[:middle]))
	if !ok {
		return nil, 0, 0, false
	}
	if math.IsNaN(v) {
		v = math.Float64frombits(value.NormalNaN) // as the parser does
	}
	at, ok = t.when(asString(rest[middle+1:]))
	return s, v, at, ok
}

// asString lends b to a function that keeps no string.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parse gives one line to the parser.
func (t *text) parse(line []byte) error {
	if bytes.IndexByte(line, 0) >= 0 {
		return t.refuse("the line holds a zero byte: not %s", t.name) // which the parser may take for the end
	}
	t.piece = t.piece[:0]
	if len(line) > 0 && line[0] != '#' {
		t.piece = append(t.piece, t.family...)
	}
	t.piece = append(append(t.piece, line...), '\n')
	if t.ended {
		t.piece = append(t.piece, endOfText+"\n"...)
	}
	p := t.parser(t.piece, t.symbols)
	for {
		entry, err := p.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil && bytes.HasSuffix(line, []byte("\r")):
			return t.refuse(`the file has Windows line ends (\r\n), which neither text format allows; remove them: tr -d '\r'`)
		case err != nil:
			return t.refuse("%s; not %s from here on: %s", short(err.Error()), t.name, t.into.progress())
		case entry == textparse.EntryType && bytes.HasPrefix(line, []byte("#")):
			t.family = append(append(t.family[:0], line...), '\n')
			_, kind := p.Type()
			t.under(string(kind))
		case entry == textparse.EntrySeries:
			if err := t.entry(p); err != nil {
				return err
			}
		}
	}
}

// entry adds the sample that the parser found.
func (t *text) entry(p textparse.Parser) error {
	written, at, v := p.Series()
	s := t.known[string(written)]
	if s == nil {
		var l labels.Labels
		p.Labels(&l)
		if twice, is := l.HasDuplicateLabelNames(); is {
			return t.refuse("%s has the label %s twice", written, twice)
		}
		if l.Get(model.MetricNameLabel) == "" {
			return t.refuse("%s has no metric name", written)
		}
		s = t.into.open(l)
		t.known[string(written)] = s
	}
	if at != nil {
		return t.add(s, v, *at)
	}
	if t.timeless == nil {
		t.timeless = t.refuse("%s has no timestamp, but others have", written)
	}
	if s.count > 0 {
		return t.refuse("%s comes again and has no timestamp: are these several scrapes in one file? %s", written, advice)
	}
	return t.into.add(s, 0, v)
}

func (t *text) add(s *packed, v float64, at int64) error {
	if err := t.into.add(s, at, v); err != nil {
		return t.refuse("%v", err)
	}
	return nil
}

func (t *text) refuse(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", t.file, t.lines, fmt.Sprintf(format, args...))
}

// end judges how the text ended: rest is what follows the last line break,
// cause the error of the reader, if any.
func (t *text) end(rest []byte, cause error) error {
	const again = "the dump is incomplete: make it again, or cut it after its last whole line"
	switch {
	case cause != nil:
		t.lines++
		return t.refuse("the file breaks off (%v); %s; %s", cause, t.into.progress(), again)
	case string(rest) == endOfText || t.over && len(rest) > 0:
		if err := t.line(rest); err != nil {
			return err
		}
	case len(rest) > 0:
		t.lines++
		return t.refuse("the line is cut: %q; %s; %s", short(string(rest)), t.into.progress(), again)
	case t.ended && !t.over:
		t.lines++
		return t.refuse("no \"# EOF\" at the end; %s; %s and end it with a line \"# EOF\" (if this is the Prometheus text format: its timestamps are milliseconds)",
			t.into.progress(), again)
	}
	return t.instant()
}

// instant makes one instant of a scrape, of which some samples may have
// timestamps, which exporters of caches add.
func (t *text) instant() error {
	if t.timeless == nil {
		return nil
	}
	for _, s := range t.into.series {
		if s.count > 1 {
			return t.timeless
		}
	}
	for _, s := range t.into.series {
		s.newest.t = 0
		s.replace(points{s.newest})
	}
	t.into.first, t.into.last = 0, 0
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
