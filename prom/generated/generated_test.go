package generated

import (
	"bytes"
	"testing"
	"time"
)

// TestSeedDecides: the same mesh has the same text, another seed another.
// Package datasets reads both forms and compares them.
func TestSeedDecides(t *testing.T) {
	text := func(seed uint64) string {
		m := Mesh{Endpoints: 2, Start: time.Unix(0, 0), Span: time.Minute, Scrape: 15 * time.Second, Seed: seed}
		var b bytes.Buffer
		if err := m.WriteText(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one, again, other := text(1), text(1), text(2)
	if one != again {
		t.Error("the same seed gave two texts")
	}
	if one == other {
		t.Error("two seeds gave the same text")
	}
}
