package datasets

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// remoteHistory is a history that no file holds, and counts what it is asked.
type remoteHistory struct {
	*counting
	dump    prom.History
	settled time.Time
}

func (h remoteHistory) Span() (start, end time.Time)  { return h.dump.Span() }
func (h remoteHistory) ScrapeInterval() time.Duration { return h.dump.ScrapeInterval() }
func (h remoteHistory) Close() error                  { return nil }
func (h remoteHistory) Identity() (string, time.Time) { return "http://127.0.0.1:9090", h.settled }

// TestServerIsNotAskedTwice walks a server's history twice: what is settled is
// asked for once, the rest each time.
func TestServerIsNotAskedTwice(t *testing.T) {
	r := openTest(t, writeRecording(t, bumpy, nil))
	c := testCache(t)
	start, end := r.Dump.Span()
	walk := func(settled time.Time) (windows []mesh.Window, asked int64) {
		t.Helper()
		src := &counting{Source: r.Dump}
		far := &Recording{Path: "shop.yaml", Schema: r.Schema, Manifest: r.Manifest, Cache: c,
			Dump: remoteHistory{src, r.Dump, settled}}
		for w, err := range far.Windows(t.Context(), mesh.Timing{Step: time.Second, Range: 20 * time.Second, Delay: 5 * time.Second}) {
			if err != nil {
				t.Fatal(err)
			}
			windows = append(windows, w)
		}
		return windows, src.asked.Load()
	}
	want, first := walk(start.Add(end.Sub(start) / 2))
	got, second := walk(end.Add(time.Hour))
	_, third := walk(end.Add(time.Hour))
	if diff := cmp.Diff(want, got, sameBits); diff != "" {
		t.Error(diff)
	}
	if second == 0 || second >= first || third != 0 {
		t.Errorf("asked %d, %d and %d times; want what was not settled again, and then nothing", first, second, third)
	}
}
