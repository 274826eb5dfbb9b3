package train

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"
)

// Regime is part of what was judged: what was alike in one respect.
type Regime struct {
	By      string  `json:"by"` // load, state, recording, service, endpoint_age, metrics_age
	Name    string  `json:"name"`
	Windows int     `json:"windows"`
	Scores  []Score `json:"scores"`
}

// regimeKey orders the regimes: those of one kind by rank, then by name.
type regimeKey struct {
	by, rank int
	name     string
}

var regimeKinds = [...]string{"load", "state", "recording", "service", "endpoint_age", "metrics_age"}

// regimesOf names the regimes that an endpoint was in at a decision.
func (j *judge) regimesOf(h int, m *Moment, i int, p *recalled) []regimeKey {
	row := m.row(i, len(j.set.Columns))
	load := m.After[i].Rate / float64(row[j.anchors.capacity])
	keys := []regimeKey{
		third(load, j.yardsticks.loads, "", 2),
		j.state(m, i),
		{name: filepath.Base(j.set.Histories[h].Provenance.Path)},
		{name: m.Service},
		ageOf(p.age),
		third(float64(row[j.age]), j.yardsticks.ages, " s", 1),
	}
	for k := range keys {
		keys[k].by = k
	}
	return keys
}

// third says in which third of the training part a value lies. Where that
// hardly varied there are none.
func third(v float64, edges [2]float64, unit string, decimals int) regimeKey {
	low, high := fmt.Sprintf("%.*f", decimals, edges[0]), fmt.Sprintf("%.*f", decimals, edges[1])
	switch {
	case math.IsNaN(v) || math.IsNaN(edges[0]):
		return regimeKey{rank: 3, name: "unknown"}
	case low == high:
		return regimeKey{name: "about " + low + unit}
	case v < edges[0]:
		return regimeKey{name: "under " + low + unit}
	case v < edges[1]:
		return regimeKey{rank: 1, name: low + " to " + high + unit}
	}
	return regimeKey{rank: 2, name: high + unit + " and more"}
}

// state says whether the window that was decided upon showed a failure, and
// whether what came did.
func (j *judge) state(m *Moment, i int) regimeKey {
	limits := j.limits[m.Service]
	now := limits.breach(&m.Now[i], j.minRequests) != ""
	then := limits.breach(&m.After[i], j.minRequests) != ""
	switch {
	case now && then:
		return regimeKey{rank: 2, name: "failing"}
	case now:
		return regimeKey{rank: 3, name: "recovers"}
	case then:
		return regimeKey{rank: 1, name: "begins to fail"}
	}
	return regimeKey{name: "working"}
}

// ageOf says for how long an endpoint was seen; at the begin of a recording
// nobody knows it longer.
func ageOf(seen time.Duration) regimeKey {
	switch {
	case seen < 2*time.Minute:
		return regimeKey{name: "under 2 min"}
	case seen < 10*time.Minute:
		return regimeKey{rank: 1, name: "2 to 10 min"}
	}
	return regimeKey{rank: 2, name: "10 min and more"}
}

// regimes tells of each regime that was met.
func (h *hearing) regimes(d *resampled) (list []Regime) {
	keys := make([]regimeKey, 0, len(h.groups))
	for key := range h.groups {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareRegimes)
	for _, key := range keys {
		told, _ := h.groups[key].told(d, byWindows, h.halfLife(regimeScores[:]))
		r := Regime{By: regimeKinds[key.by], Name: key.name, Scores: told}
		for _, s := range told {
			r.Windows = max(r.Windows, s.Windows)
		}
		if len(told) > 0 {
			list = append(list, r)
		}
	}
	return list
}

func compareRegimes(a, b regimeKey) int {
	return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.rank, b.rank), cmp.Compare(a.name, b.name))
}
