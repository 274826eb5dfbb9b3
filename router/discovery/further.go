package discovery

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Trouble that comes on top of another is told when it has lasted for this long, since an
// API server that has just started forbids everything for a moment; and again when
// it comes back after forgotten. Where many names fail one after the other it is one
// line in atLeast.
const (
	lasting   = 10 * time.Second
	atLeast   = time.Minute
	forgotten = 10 * time.Minute
)

// reporting logs, until ctx ends, what else has gone wrong with a source that was in
// trouble already: where one name of many is broken for good, the log would not say
// that later nobody answers at all.
func (d *Directory) reporting(ctx context.Context) {
	for ctx.Err() == nil {
		sleep(ctx, lasting)
		for _, t := range d.all {
			d.mu.Lock()
			further := t.further(d.cfg.Clock())
			d.mu.Unlock()
			if len(further) > 0 {
				d.cfg.Log.Warn("discovery: a source that is in trouble has further trouble", "source", t.source.Name(), "error", strings.Join(further, "\n"))
			}
		}
	}
}

// further are the lines of the trouble that were there at the look before too, and are
// not in the log.
func (t *told) further(now time.Time) []string {
	lines := troubles(t.trouble)
	var further []string
	for _, line := range lines {
		if _, logged := t.logged[line]; !logged && slices.Contains(t.looked, line) {
			further = append(further, line)
		}
	}
	t.looked = lines
	for line, at := range t.logged {
		if !slices.Contains(lines, line) && now.Sub(at) > forgotten {
			delete(t.logged, line)
		}
	}
	if len(further) == 0 || now.Sub(t.reported) < atLeast {
		return nil
	}
	t.reported = now
	t.log(further, now)
	return further
}

// log remembers what is in the log.
func (t *told) log(lines []string, now time.Time) {
	if t.logged == nil {
		t.logged = map[string]time.Time{}
	}
	for _, line := range lines {
		t.logged[line] = now
	}
}

// troubles are the lines of an error, a source's joined ones, as they can be compared:
// without the port that a connection had here, and without how many more there are.
func troubles(err error) []string {
	if err == nil {
		return nil
	}
	lines := strings.Split(ownPort.ReplaceAllString(err.Error(), "->"), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" || more.MatchString(line) })
}

var (
	ownPort = regexp.MustCompile(`:\d+->`)
	more    = regexp.MustCompile(`^and \d+ more$`)
)
