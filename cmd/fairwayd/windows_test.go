package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// measured is a server with a scrape interval, or one that does not answer.
type measured struct {
	usual time.Duration
	err   error
}

func (m measured) Intervals(context.Context, *mesh.Schema, time.Time, time.Time) (usual, slowest time.Duration, err error) {
	return m.usual, m.usual, m.err
}

// TestTooSeldom: a model's windows of 10 s hold two scrapes of 5 s, and not of 10.
func TestTooSeldom(t *testing.T) {
	schema, err := prom.LoadSchema("haproxy")
	if err != nil {
		t.Fatal(err)
	}
	for server, want := range map[measured]time.Duration{
		{usual: 5 * time.Second}:  0,
		{usual: 10 * time.Second}: 10 * time.Second,
		{usual: time.Minute}:      time.Minute,
		{}:                        0,
	} {
		if got := tooSeldom(t.Context(), server, schema, 10*time.Second); got != want {
			t.Errorf("scraped every %v: %v; want %v", server.usual, got, want)
		}
	}
}

// TestRangeFollowsTheScrapes: without a model, whose timing it would be, the
// range has to hold two scrapes of this server, or there would be no rates and
// no criteria of a rule would ever be met.
func TestRangeFollowsTheScrapes(t *testing.T) {
	schema, err := prom.LoadSchema("haproxy")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		server measured
		want   time.Duration
	}{
		{measured{usual: 15*time.Second + time.Millisecond}, schema.Range},
		{measured{usual: time.Minute}, 4 * time.Minute},
		{measured{err: errors.New("gone")}, schema.Range},
	} {
		if got := datasets.RangeFor(schema, schema.Range, scrapeInterval(t.Context(), c.server, schema)); got != c.want {
			t.Errorf("%+v: a range of %v; want %v", c.server, got, c.want)
		}
	}
}
