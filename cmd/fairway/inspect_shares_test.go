package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// drawn is a history of windows with the given mean number of requests, each of
// which goes to endpoint a with the probability that its window has.
func drawn(seed uint64, windows, requests int, probability func(window int) float64) *shares {
	random := rand.New(rand.NewPCG(seed, 1))
	s := newShares()
	for k := range windows {
		w := mesh.Window{Endpoints: []mesh.Endpoint{{Name: "a"}, {Name: "b"}}, Requests: make([]float64, 2)}
		for range requests/2 + random.IntN(requests+1) {
			if random.Float64() < probability(k) {
				w.Requests[0]++
			} else {
				w.Requests[1]++
			}
		}
		s.add(&w, 1)
	}
	return s
}

// Fixed shares are called fixed however few requests there are, and shares that
// vary are not.
func TestVerdictOfShares(t *testing.T) {
	const fixed = "load effect not identifiable: the shares never varied by more than chance"
	wrong := map[string]int{}
	const seeds = 100
	for seed := range uint64(seeds) {
		for _, requests := range []int{8, 60, 2000} {
			if got := drawn(seed, 200, requests, func(int) float64 { return 0.7 }).verdict(2); got != fixed {
				wrong[fmt.Sprintf("fixed, %d requests", requests)]++
			}
			vary := func(k int) float64 { return 0.5 + 0.3*float64(k%5-2)/2 }
			if got := drawn(seed, 200, requests, vary).verdict(2); requests > 8 && got != "shares vary" {
				wrong[fmt.Sprintf("varied, %d requests", requests)]++
			}
		}
	}
	for what, n := range wrong {
		if n > seeds/50 {
			t.Errorf("%s: wrong %d times of %d", what, n, seeds)
		}
	}
	if got := drawn(1, 3, 1000, func(int) float64 { return 0.5 }).verdict(2); got != "too few windows with requests to tell shares" {
		t.Errorf("three windows: %s", got)
	}
	if got := drawn(1, 200, 1, func(int) float64 { return 0.5 }).verdict(2); got != "too few windows with requests to tell shares" {
		t.Errorf("a request now and then: %s", got)
	}
	if got := newShares().verdict(1); got != "no choice: one endpoint" {
		t.Error(got)
	}
}

// An endpoint that is out moves the shares of the others; that is no variation
// from which the effect of load could be learned.
func TestAnOutageIsNoVariation(t *testing.T) {
	s := newShares()
	for k := range 100 {
		w := mesh.Window{Endpoints: []mesh.Endpoint{{Name: "a"}, {Name: "b"}}, Requests: []float64{500, 500}}
		if k > 80 {
			w.Requests = []float64{1000, 0}
		}
		s.add(&w, 1)
	}
	if got := s.verdict(2); got != "load effect not identifiable: the shares never varied by more than chance" {
		t.Error(got)
	}
}
