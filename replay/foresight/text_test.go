package foresight

import (
	"errors"
	"strings"
	"testing"
)

// TestHistogram counts each lead once, and ends where the leads do.
func TestHistogram(t *testing.T) {
	bars := Histogram([]float64{0, 9.9, 10, 59, 60})
	want := []int{2, 1, 0, 0, 1, 1}
	if len(bars) != len(want) {
		t.Fatalf("bars are %+v", bars)
	}
	for i, n := range want {
		if bars[i].N != n {
			t.Errorf("%s: %d, want %d", bars[i].Text(), bars[i].N, n)
		}
	}
	if last := Histogram([]float64{5000}); last[len(last)-1].N != 1 || last[len(last)-1].Text() != "from 1200 s" {
		t.Errorf("beyond the last edge: %+v", last[len(last)-1])
	}
	if none := Histogram(nil); len(none) != 1 || none[0].N != 0 {
		t.Errorf("of nothing: %+v", none)
	}
}

func TestWrapped(t *testing.T) {
	for _, line := range strings.Split(wrapped(strings.Repeat("words and ", 100)), "\n") {
		if len(line) > 160 || strings.TrimSpace(line) != line || line == "" {
			t.Errorf("a line of %d: %q", len(line), line)
		}
	}
}

func TestWriteTextFails(t *testing.T) {
	s := &story{end: 1000, outages: []outage{{"a", 500, 530}}, says: []func(string, float64) Forecast{between("a", 460, 500)}}
	r, _ := s.ramps().judged()
	broken := errors.New("full")
	if err := r.WriteText(full{broken}); !errors.Is(err, broken) {
		t.Errorf("a full disk: %v", err)
	}
}

type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 0, f.err }
