package foresight

import (
	"testing"

	"github.com/fairway-mesh/fairway/router"
)

func TestDone(t *testing.T) {
	d := &router.Decision{Drains: []router.Drain{
		{},
		{Part: 0.5, Reason: "failing", Propensity: 0.75},
		{Reason: "failing", HeldOut: true, Propensity: 0.25},
		{Reason: "failing", HeldOut: true, Propensity: 1}, // in the shadow
	}}
	for i, want := range []Action{{}, {true, 0.75}, {false, 0.75}, {}, {}} {
		if got := Done(d, i); got != want {
			t.Errorf("drain %d: %+v, want %+v", i, got, want)
		}
	}
}
