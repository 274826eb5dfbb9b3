package prom

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// forgotten is how long an endpoint without any value stays in the windows
// when it was idle before: proxies stop showing what nobody asks for, and it
// is still an endpoint. One that is scraped in vain has a value, up = 0, and
// stays for good.
const forgotten = time.Hour

// left is the same for an endpoint that once had `up`, or was busy to the
// last: it is no target any more, or its traffic went elsewhere, as in a
// rolling deployment. It stays until it could be missed in two windows, so
// that one missed scrape takes nobody away, and at least for one range, which
// is how long the windows still overlap with its life.
func left(t mesh.Timing) time.Duration { return max(2*t.Step, t.Range) }

// remembered is what is known of an endpoint from earlier windows.
type remembered struct {
	Endpoint mesh.Endpoint `json:"endpoint"`
	Last     time.Time     `json:"last"`             // when it last had a value; zero: it is not in the windows
	HadUp    bool          `json:"had_up,omitempty"` // it had `up`
	Busy     bool          `json:"busy,omitempty"`   // its newest request rate is above 0
}

func (r *remembered) seen() bool { return !r.Last.IsZero() }

// look learns from the values of one step. An endpoint that leaves is like one
// that never was.
func (r *remembered) look(at time.Time, row []float64, b *board) {
	if slices.ContainsFunc(row, func(v float64) bool { return !math.IsNaN(v) }) {
		r.Last = at
		if b.rate >= 0 && !math.IsNaN(row[b.rate]) {
			r.Busy = row[b.rate] > 0
		}
		if b.up >= 0 && !math.IsNaN(row[b.up]) {
			r.HadUp = true
		}
		return
	}
	stays := forgotten
	if r.HadUp || r.Busy {
		stays = left(b.timing)
	}
	if r.seen() && at.Sub(r.Last) > stays {
		*r = remembered{Endpoint: mesh.Endpoint{Name: r.Endpoint.Name}}
	}
}

// judge returns 0 in place of an unknown `up`, where the endpoint once had one
// or has no value at all any more: it vanished. When nobody is heard of, it is
// the source that is silent, and that says nothing about an endpoint.
func (r *remembered) judge(up float64, at time.Time, heard bool) float64 {
	if math.IsNaN(up) && heard && (r.HadUp || !r.Last.Equal(at)) {
		return 0
	}
	return up
}

// column is whether the results of a query can be placed.
type column struct {
	Placed  bool              `json:"placed,omitempty"`
	Since   time.Time         `json:"since"`             // of the first result that could not be
	Example map[string]string `json:"example,omitempty"` // its labels

	placed, unplaced int // first steps of the slice with such a result; n when there is none
	labels           map[string]string
}

func (c *column) begin(n int) { c.placed, c.unplaced = n, n }

func (c *column) take(row Row, n int, placed bool) {
	if c.Placed {
		return
	}
	first := slices.IndexFunc(row.Values[:n], says)
	switch {
	case first < 0:
	case placed:
		c.placed = min(c.placed, first)
	case first < c.unplaced:
		c.unplaced, c.labels = first, row.Labels
	}
}

// pass goes on to a step. Results of something else may come first, but not
// alone for longer than anything is remembered.
func (c *column) pass(at time.Time, step int) (lost bool) {
	c.Placed = c.Placed || step >= c.placed
	if !c.Placed && c.Since.IsZero() && step >= c.unplaced {
		c.Since, c.Example = at, c.labels
	}
	return c.astray() && at.Sub(c.Since) > forgotten
}

// astray reports whether there are results, and none of them could be placed.
func (c *column) astray() bool { return !c.Placed && !c.Since.IsZero() }

// astray returns the error of the first series whose results name no endpoint.
func (b *board) astray() error {
	for i := range b.columns {
		if b.columns[i].astray() {
			return b.lost(i)
		}
	}
	return nil
}

func (b *board) lost(column int) error {
	l := b.schema.Labels
	return b.columnError(column, fmt.Errorf("no result has both labels %s and %s that name service and endpoint; the first one is %v",
		l.Service, l.Endpoint, b.columns[column].Example))
}

// boardMemory is what a board remembers, as it is kept beside the windows of a
// slice.
type boardMemory struct {
	Found   bool                    `json:"found"`  // any window
	Length  int                     `json:"length"` // of the next slice
	Columns []column                `json:"columns"`
	Places  map[string][]remembered `json:"places"` // by service
}

// save writes down what the board remembers after the newest step.
func (b *board) save(found bool, length int) ([]byte, error) {
	m := boardMemory{Found: found, Length: length, Columns: b.columns, Places: map[string][]remembered{}}
	for service, places := range b.services {
		for _, p := range places {
			if p.seen() {
				m.Places[service] = append(m.Places[service], p.remembered)
			}
		}
		slices.SortFunc(m.Places[service], func(a, b remembered) int { return strings.Compare(a.Endpoint.Name, b.Endpoint.Name) })
	}
	return json.Marshal(m)
}

// restore makes the board remember what one with the same schema and timing
// saved.
func (b *board) restore(text []byte) (found bool, length int, err error) {
	var m boardMemory
	if err := json.Unmarshal(text, &m); err != nil {
		return false, 0, err
	}
	if len(m.Columns) != len(b.columns) {
		return false, 0, fmt.Errorf("it remembers %d series; the schema has %d", len(m.Columns), len(b.columns))
	}
	b.columns, b.services = m.Columns, map[string]map[string]*place{}
	for service, places := range m.Places {
		b.services[service] = map[string]*place{}
		for _, r := range places {
			r.Last = r.Last.UTC()
			b.services[service][r.Endpoint.Name] = &place{remembered: r}
		}
	}
	return m.Found, m.Length, nil
}
