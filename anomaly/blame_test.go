package anomaly

import (
	"fmt"
	"math"
	"testing"
)

func TestSuspects(t *testing.T) {
	const front, cart, db = 0, 1, 2
	calls := func(cartDB float64) []Call {
		return []Call{{Caller: front, Callee: cart}, {Caller: cart, Callee: db, Strange: cartDB}}
	}
	for name, c := range map[string]struct {
		evidence []Evidence
		calls    []Call
		want     int
	}{
		"callers look worse than the cause, and are excused by about as much": {[]Evidence{{Served: 60}, {Served: 58}, {Served: 50}}, calls(0), db},
		"a slow callee explains only a part":                                  {[]Evidence{{Served: 30}, {Served: 30}, {Served: 3}}, calls(0), cart},
		"the network shows at the caller only":                                {[]Evidence{{Served: 30}, {Served: 30}, {}}, calls(29), db},
		"nobody excuses what one does itself":                                 {[]Evidence{{Served: 30}, {Own: 40, Served: 30}, {Served: 29}}, calls(0), cart},
		"no graph: who is strangest":                                          {[]Evidence{{Served: 3}, {Served: 4}, {Own: 5}}, nil, db},
		"nothing is known":                                                    {[]Evidence{{Own: math.NaN()}, {Served: math.NaN()}, {Own: -1}}, calls(math.NaN()), front},
		"edges from nowhere":                                                  {[]Evidence{{}, {Served: 1}, {}}, []Call{{-1, 7, 9}, {1, 1, 5}, {1, 9, 9}}, cart},
	} {
		got := Suspects(c.evidence, c.calls)
		if len(got) != len(c.evidence) || got[0].Index != c.want {
			t.Errorf("%s: got %+v, want %d first", name, got, c.want)
		}
		for i, s := range got {
			if !(s.Suspicion >= 0) || i > 0 && s.Suspicion > got[i-1].Suspicion {
				t.Errorf("%s: suspicion out of order: %+v", name, got)
			}
		}
	}
	if len(Suspects(nil, nil)) != 0 {
		t.Error("suspects of nothing")
	}
}

// The shop answers slowly because the search it calls does; a database that the
// search calls is as ever.
func ExampleSuspects() {
	names := []string{"shop", "search", "database"}
	suspects := Suspects(
		[]Evidence{{Served: 12}, {Served: 11}, {Served: 1}},
		[]Call{{Caller: 0, Callee: 1}, {Caller: 1, Callee: 2}},
	)
	for _, s := range suspects {
		fmt.Printf("%s %.0f\n", names[s.Index], s.Suspicion)
	}
	// Output:
	// search 10
	// shop 1
	// database 1
}
