package router

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestSplitIsServed draws 100 000 requests of a 90/10 split and holds the
// counts to the weights: chi-squared, 2 degrees of freedom, p = 0.001.
func TestSplitIsServed(t *testing.T) {
	_, r := published(t, reviews, learnt(t), three()...)
	random := rand.New(rand.NewPCG(11, 12))
	const n = 100_000
	for name, ask := range map[string]func(i int) Answer{
		"random": func(int) Answer { return r.Decide(request("/split"), random.Uint64()) },
		"session": func(i int) Answer {
			q := request("/split")
			q.SessionKey = fmt.Sprint("user-", i)
			return r.Decide(q, 0)
		},
	} {
		counts, v2 := make([]float64, 3), 0.0
		var weights mesh.Weights
		for i := range n {
			a := ask(i)
			counts[a.Endpoint]++
			if weights = a.Weights; a.Subset == "v2" {
				v2++
			}
		}
		chi := 0.0
		for i, c := range counts {
			chi += (c - n*weights[i]) * (c - n*weights[i]) / (n * weights[i])
		}
		if chi > 13.82 {
			t.Errorf("%s: counts %v for weights %v: chi-squared %v", name, counts, weights, chi)
		}
		near(t, name+": share of v2", v2/n, 0.1, 0.004)
	}
}

func TestSessionsStick(t *testing.T) {
	_, r := published(t, "", learnt(t), six()...)
	list := six()
	list[0] = list[0].down()
	_, after := published(t, "", Eject(learnt(t), nil, DefaultConfig()), list...)
	moved, kept := 0, 0
	for i := range 2000 {
		q := request("/")
		q.SessionKey = fmt.Sprint("user-", i)
		a := r.Decide(q, uint64(i)*0x9e3779b97f4a7c15)
		if again := r.Decide(q, 7); again.Endpoint != a.Endpoint {
			t.Fatal("a session moved under the same weights")
		}
		near(t, "propensity", a.Propensity, r.Decide(request("/"), 0).Weights[a.Endpoint], 0)
		b := after.Decide(q, 0)
		switch {
		case b.Endpoint == 0:
			t.Fatal("a session stuck to an ejected endpoint")
		case a.Endpoint == 0:
		case a.Endpoint == b.Endpoint:
			kept++
		default:
			moved++
		}
	}
	if moved > kept/20 {
		t.Errorf("%d of %d sessions moved although their endpoint stayed", moved, moved+kept)
	}
}
