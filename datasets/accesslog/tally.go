package accesslog

import (
	"errors"
	"fmt"
	"io"
)

// Tally counts what became of the lines, and is complete when the stream that
// fills it has ended.
type Tally struct {
	Files []*FileTally
	First []BadLine // of all files, as many as the Config keeps
}

// FileTally is of one file. Each of its Lines is one of the requests, Nowhere,
// Bad, or Late.
type FileTally struct {
	Path, Format string
	Lines        int // that hold something, without a CSV's head
	Requests     int // that were asked of an endpoint; a line may hold several
	Nowhere      int // lines of requests for which no endpoint was asked
	Bad          int // lines that could not be read
	Late         int // requests that were logged too late to be put in order, and are left out
	Unnamed      int // attempts before the one that is told, at endpoints that no line names
	Failed       int // requests without an answer, or with a 5xx
}

// BadLine is a line that could not be read, or came too late.
type BadLine struct {
	Path   string
	Line   int
	Reason string
}

// String is like access.log:17: the status is "x"; want an HTTP status.
func (b BadLine) String() string { return fmt.Sprintf("%s:%d: %s", b.Path, b.Line, b.Reason) }

// Sum is of all files together.
func (t *Tally) Sum() FileTally {
	var sum FileTally
	for _, f := range t.Files {
		sum.Lines += f.Lines
		sum.Requests += f.Requests
		sum.Nowhere += f.Nowhere
		sum.Bad += f.Bad
		sum.Late += f.Late
		sum.Unnamed += f.Unnamed
		sum.Failed += f.Failed
	}
	return sum
}

// WriteText tells a person what was read and what was not.
func (t *Tally) WriteText(out io.Writer) error {
	var failed error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(out, format, args...)
		failed = errors.Join(failed, err)
	}
	for _, f := range t.Files {
		say("%s: %s: %d lines, %d requests of endpoints (%d failed), %d lines of requests that went nowhere, %d bad, %d late\n",
			f.Path, f.Format, f.Lines, f.Requests, f.Failed, f.Nowhere, f.Bad, f.Late)
		if f.Unnamed > 0 {
			say("%s: %d attempts failed before at endpoints that the log does not name\n", f.Path, f.Unnamed)
		}
	}
	for _, b := range t.First {
		say("  %s\n", b)
	}
	if sum := t.Sum(); sum.Bad+sum.Late > len(t.First) && len(t.First) > 0 {
		say("  and %d more\n", sum.Bad+sum.Late-len(t.First))
	}
	return failed
}
