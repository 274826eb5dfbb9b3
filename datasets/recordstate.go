package datasets

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// recordState is the file record.json.
type recordState struct {
	Format          string    `json:"format"`
	Source          string    `json:"source"` // prom.Connection.Identity
	Schema          string    `json:"schema"`
	SchemaHash      string    `json:"schema_hash"`
	ScrapeIntervalS float64   `json:"scrape_interval_s"`
	SlowestS        float64   `json:"slowest_scrape_interval_s"`
	Start           time.Time `json:"start"` // exclusive
	Until           time.Time `json:"until"`
	Last            time.Time `json:"last"` // newest sample
	Gaps            []gap     `json:"gaps"`
	Services        []string  `json:"services"`
	Notes           []string  `json:"notes"`
	MadeBy          string    `json:"made_by"`
}

const recordFormat = "fairway-record/1"

func (s *recordState) interval() time.Duration {
	return time.Duration(s.ScrapeIntervalS * float64(time.Second))
}

func (s *recordState) slowest() time.Duration {
	return time.Duration(s.SlowestS * float64(time.Second))
}

// continues reports why a recording cannot go on with another source.
func (s *recordState) continues(dir, source string, schema *mesh.Schema) error {
	if s.Source != source {
		return fmt.Errorf("%s: holds a recording of %s, not of %s; take another directory", dir, s.Source, source)
	}
	if hash := schema.Hash(); s.SchemaHash != hash {
		return fmt.Errorf("%s: was recorded with schema %s, which asks for other metrics than %s now; take another directory", dir, s.Schema, schema.Name)
	}
	return nil
}

// piece is a span of time, (After, Until], and the block that covers it. It is
// the file fairway.json of the block.
type piece struct {
	After time.Time `json:"after"`
	Until time.Time `json:"until"`
	Gaps  []gap     `json:"gaps,omitempty"` // that were found with it
	block prom.Block
}

// gap is a time of more than three scrape intervals, the usual ones, without
// any sample.
type gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (g gap) String() string {
	return fmt.Sprintf("no sample of any metric between %s and %s: nothing was scraped then, or the server has it no more", g.From.Format(time.RFC3339), g.To.Format(time.RFC3339))
}

// gaps finds where more than three scrape intervals pass between two times of
// samples, or between the last one before and the first of these.
func (s *recordState) gaps(times []int64) []gap {
	var gaps []gap
	last := s.Last
	if last.IsZero() {
		last = s.Start
	}
	for _, ms := range times {
		t := time.UnixMilli(ms).UTC()
		if t.Sub(last) > 3*s.interval() {
			gaps = append(gaps, gap{last, t})
		}
		last = t
	}
	return gaps
}

// add counts a piece in.
func (s *recordState) add(p piece) {
	s.Until = p.Until
	s.Gaps = append(s.Gaps, p.Gaps...)
	if p.block.Last.After(s.Last) {
		s.Last = p.block.Last
	}
}
