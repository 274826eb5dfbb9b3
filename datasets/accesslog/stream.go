package accesslog

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

const (
	// looked is how many lines are read to recognise a format.
	looked = 200
	// farApart is the time between two lines of which one is doubted. One time
	// that is far ahead would make all that follow it late.
	farApart = 24 * time.Hour
	// enough is how many lines are read before a log is refused on the way.
	enough = 100_000
)

// stream is one file's requests in the order of their arrival.
type stream struct {
	config *Config
	all    *Tally
	tally  *FileTally
	lines  *lines
	parser parser
	names  names

	newest  time.Time     // until when lines were written
	doubted *read         // a line that is far from those before
	waiting heap[arrived] // requests that were read
	last    time.Time     // of the request that was given last
	place   int
	ended   bool
}

// read is a line that was understood.
type read struct {
	entry
	number int
}

// arrived is a request and where it stands among those that were read.
type arrived struct {
	datasets.Request
	number int // its line
	place  int
}

func openStream(c *Config, t *Tally, path string) (*stream, error) {
	l, err := openLines(path)
	if err != nil {
		return nil, err
	}
	s := &stream{config: c, all: t, tally: &FileTally{Path: path}, lines: l, names: names{}}
	s.waiting.less = func(a, b *arrived) bool {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c < 0
		}
		return a.place < b.place
	}
	first, err := l.look(looked)
	if err == nil {
		var f format
		if f, err = c.recognise(first); err == nil {
			s.tally.Format = f.name
			s.parser, err = f.parser(c)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	t.Files = append(t.Files, s.tally)
	return s, nil
}

// next returns the next request; io.EOF after the last.
func (s *stream) next() (datasets.Request, error) {
	for !s.ended && !s.ready() {
		if err := s.advance(); err != nil {
			return datasets.Request{}, err
		}
	}
	if len(s.waiting.items) == 0 {
		return datasets.Request{}, io.EOF
	}
	r := s.waiting.pop().Request
	s.last = r.Time
	s.tally.Requests++
	if r.Failed() {
		s.tally.Failed++
	}
	return r, nil
}

// ready reports whether nothing can come any more that arrived before the
// first of those that wait.
func (s *stream) ready() bool {
	n := len(s.waiting.items)
	return n > s.config.Most || n > 0 && !s.waiting.items[0].Time.After(s.newest.Add(-s.config.Window))
}

// advance reads one line.
func (s *stream) advance() error {
	line, err := s.lines.next()
	if err == io.EOF {
		s.ended = true
		s.settle(nil)
		return s.judge(0)
	}
	if err != nil {
		return err
	}
	s.tally.Lines++
	r := &read{entry: entry{service: s.config.Service}, number: line.number}
	if err = line.bad; err == nil {
		err = s.parser.parse(line.text, &r.entry)
	}
	switch {
	case errors.Is(err, errHead):
		s.tally.Lines--
	case errors.Is(err, errAlien):
		s.bad(line.number, fmt.Sprintf("is no line of %s: %s", s.tally.Format, shown(line.text)))
	case err != nil && line.open:
		s.bad(line.number, fmt.Sprintf("%v; it is the last line, and has no end", err))
	case err != nil:
		s.bad(line.number, err.Error())
	default:
		s.settle(r)
	}
	return s.judge(enough)
}

// settle takes a line whose time is near that of another. A line that is far
// ahead of those before waits for the next to say which of them is wrong; nil
// says that none comes.
func (s *stream) settle(r *read) {
	if d := s.doubted; d != nil {
		s.doubted = nil
		if r == nil && s.newest.IsZero() || r != nil && r.ended.Sub(d.ended).Abs() <= farApart {
			s.take(d)
		} else {
			s.bad(d.number, fmt.Sprintf("the time is %s, more than a day from the lines around", d.ended.Format(time.RFC3339)))
		}
	}
	switch {
	case r == nil:
	case r.ended.IsZero(): // nothing that has a time was in it
		s.tally.Nowhere++
	case r.ended.Sub(s.newest) > farApart:
		s.doubted = r
	default:
		s.take(r)
	}
}

func (s *stream) take(r *read) {
	if r.ended.After(s.newest) {
		s.newest = r.ended
	}
	s.tally.Unnamed += r.unnamed
	if len(r.attempts) == 0 {
		s.tally.Nowhere++
	}
	for _, a := range r.attempts {
		if a.Time.Before(s.last) {
			s.tally.Late++
			s.keep(r.number, fmt.Sprintf("the request came at %s and was logged more than %v, or %d requests, later: it is left out", a.Time.Format(time.RFC3339Nano), s.config.Window, s.config.Most))
			continue
		}
		s.names.keep(&a)
		if a.Deadline == 0 {
			a.Deadline = s.config.Deadline
		}
		if a.Propensity == 0 { // no log tells it; CSV has NaN where it is not known
			a.Propensity = math.NaN()
		}
		s.place++
		s.waiting.push(arrived{a, r.number, s.place})
	}
}

func (s *stream) bad(line int, reason string) {
	s.tally.Bad++
	s.keep(line, reason)
}

// keep keeps the first lines for people to look at, not many of one reason.
func (s *stream) keep(line int, reason string) {
	const alike = 5
	n := 0
	for _, b := range s.all.First {
		if b.Reason == reason {
			n++
		}
	}
	if len(s.all.First) < s.config.Keep && n < alike {
		s.all.First = append(s.all.First, BadLine{s.tally.Path, line, reason})
	}
}

// judge refuses a log of which more than half is bad, once it is long enough.
func (s *stream) judge(enough int) error {
	t := s.tally
	if bad := t.Bad + t.Late; t.Lines >= enough && 2*bad > t.Lines {
		return fmt.Errorf("%s: of %d lines %d could not be read as %s and %d came too late%s; is it another format (--format, --log-format)? Is the time zone right, or the file several logs in one?",
			t.Path, t.Lines, t.Bad, t.Format, t.Late, s.example())
	}
	return nil
}

func (s *stream) example() string {
	for _, b := range s.all.First {
		if b.Path == s.tally.Path {
			return fmt.Sprintf(" (line %d: %s)", b.Line, b.Reason)
		}
	}
	return ""
}

// names keeps the texts of requests apart from their lines, and few of them:
// most are the same.
type names map[string]string

// mostNames bounds what is remembered.
const mostNames = 1 << 12

func (n names) keep(r *datasets.Request) {
	for _, text := range []*string{&r.Service, &r.Endpoint, &r.Method, &r.Class} {
		known, ok := n[*text]
		if !ok {
			known = kept(*text)
			if len(n) < mostNames && known == *text {
				n[known] = known
			}
		}
		*text = known
	}
	r.Path = kept(r.Path)
}
