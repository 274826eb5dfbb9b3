package lab

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestDelayOf(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i)*time.Millisecond)
	}
	for _, test := range []struct {
		late []time.Duration
		want Delay
	}{
		{nil, Delay{}},
		{[]time.Duration{3}, Delay{3, 3, 3}},
		{[]time.Duration{2, 1}, Delay{1, 2, 2}},
		{hundred, Delay{50 * time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond}},
	} {
		if got := delayOf(test.late); got != test.want {
			t.Errorf("of %v: %v; want %v", test.late, got, test.want)
		}
	}
	if got, want := (Delay{time.Millisecond, 2500 * time.Microsecond, time.Second}).String(), "p50 1.00 ms, p99 2.50 ms, max 1000.00 ms"; got != want {
		t.Errorf("printed as %q; want %q", got, want)
	}
}

func TestLatenessEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 95*time.Millisecond)
		defer cancel()
		late := lateness(ctx)
		if len(late) != 9 || delayOf(late).Max != 0 {
			t.Errorf("waits of 10 ms in 95 ms of a perfect clock are late by %v; want nine zeros", late)
		}
	})
}

func TestSleepUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if !sleepUntil(ctx, begun.Add(-time.Hour)) || !time.Now().Equal(begun) {
			t.Error("waited for what is over")
		}
		if !sleepUntil(ctx, begun.Add(500*time.Millisecond)) || time.Since(begun) != 500*time.Millisecond {
			t.Errorf("woke after %v; want 500ms", time.Since(begun))
		}
		if sleepUntil(ctx, begun.Add(time.Hour)) || time.Since(begun) != time.Second {
			t.Errorf("woke after %v; want the end of the context after 1s", time.Since(begun))
		}
		if sleepUntil(ctx, begun) {
			t.Error("an ended context says that all is well")
		}
	})
}
