package counterfactual

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// kind is how a policy of the trial chooses.
type kind int

const (
	drawn         kind = iota // uniformly among some endpoints
	shortestQueue             // fewest jobs in flight, the first of several
	powerOf                   // the same among k draws with replacement
	pseudoOptimal             // least (in flight + 1) · slowdown
	tracker                   // least (in flight + 1) · moving mean of the processing times
)

// policy is one of the trial. None sees the size of the job that it places.
type policy struct {
	kind    kind
	draws   int
	choices []int // of drawn
}

// trackerAlpha is what the tracker keeps of its mean at each job.
const trackerAlpha = 0.995

// endpoints is how many the environment has.
const endpoints = 8

// pairs are the two endpoints of the eight policies that know only two, as in
// the paper's public code.
var pairs = [][]int{{3, 4}, {4, 5}, {1, 2}, {0, 3}, {3, 6}, {0, 1}, {5, 7}, {1, 7}}

// Policies names the paper's sixteen.
func Policies() []string {
	names := []string{"Random", "JSQ", "Pow2", "Pow3", "Pow4", "Pow5", "PseudoOptimal", "Tracker"}
	for _, p := range pairs {
		names = append(names, fmt.Sprintf("Random%d%d", p[0], p[1]))
	}
	return names
}

// policyNamed knows the paper's sixteen, Random with any endpoints behind it
// (Random6 sends everything to one), and Pow with any number.
func policyNamed(name string) (policy, error) {
	base, _, _ := strings.Cut(name, "#")
	switch base {
	case "JSQ":
		return policy{kind: shortestQueue}, nil
	case "PseudoOptimal":
		return policy{kind: pseudoOptimal}, nil
	case "Tracker":
		return policy{kind: tracker}, nil
	}
	if k, ok := strings.CutPrefix(base, "Pow"); ok {
		if n, err := strconv.Atoi(k); err == nil && n >= 1 && n <= endpoints {
			return policy{kind: powerOf, draws: n}, nil
		}
	}
	if among, ok := strings.CutPrefix(base, "Random"); ok {
		p := policy{kind: drawn}
		for _, digit := range among {
			if digit < '0' || digit >= '0'+endpoints {
				return policy{}, fmt.Errorf("policy %q: endpoints are 0 to %d", name, endpoints-1)
			}
			p.choices = append(p.choices, int(digit-'0'))
		}
		if among == "" {
			p.choices = []int{0, 1, 2, 3, 4, 5, 6, 7}
		}
		return p, nil
	}
	return policy{}, fmt.Errorf("policy %q is unknown; want one of %s", name, strings.Join(Policies(), ", "))
}

// pick chooses for the next job. It draws equally often whatever the queues,
// so that two simulations of one trajectory share their luck.
func (p *policy) pick(q *queues, slow, means []float64, random *rand.Rand) int {
	switch p.kind {
	case drawn:
		return p.choices[random.IntN(len(p.choices))]
	case powerOf:
		asked := 0
		for range p.draws {
			asked |= 1 << random.IntN(endpoints)
		}
		return q.least(func(e int) float64 { return float64(q.inFlight(e)) }, asked)
	case pseudoOptimal:
		return q.least(func(e int) float64 { return float64(q.inFlight(e)+1) * slow[e] }, all)
	case tracker:
		return q.least(func(e int) float64 { return float64(q.inFlight(e)+1) * means[e] }, all)
	default:
		return q.least(func(e int) float64 { return float64(q.inFlight(e)) }, all)
	}
}
