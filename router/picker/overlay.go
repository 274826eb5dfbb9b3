package picker

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// An overlay wraps a picker. It can do what the picker can: ask, hold requests
// back, read the load beside answers.

// overlaid is what an overlay is itself; the rest it has from its inner picker.
// All take a board and pass it on, since that asks nothing of anybody.
type overlaid interface {
	BoardReader
	recaller
}

// recaller takes back a pick whose request was not sent. Pickers that keep
// nothing of a pick need not be one.
type recaller interface{ recall(i int) }

type probes interface {
	Probes(dst []int, now time.Duration) ([]int, time.Duration)
	Probed(now time.Duration, i int, l mesh.Load)
}

type holds interface {
	Retry(now time.Duration) time.Duration
}

type readsLoad interface{ ReadsLoad() }

func tell(p Picker, b Board) {
	if r, ok := p.(BoardReader); ok {
		r.Board(b)
	}
}

func recall(p Picker, i int) {
	if r, ok := p.(recaller); ok {
		r.recall(i)
	}
}

// dress gives an overlay the further methods of its inner picker and no others,
// since what a picker is asked follows from the methods that it has.
func dress(o overlaid, inner Picker) Picker {
	p, asks := inner.(probes)
	h, throttles := inner.(holds)
	r, reads := inner.(readsLoad)
	switch {
	case asks && throttles && reads:
		return struct {
			overlaid
			probes
			holds
			readsLoad
		}{o, p, h, r}
	case asks && throttles:
		return struct {
			overlaid
			probes
			holds
		}{o, p, h}
	case asks && reads:
		return struct {
			overlaid
			probes
			readsLoad
		}{o, p, r}
	case throttles && reads:
		return struct {
			overlaid
			holds
			readsLoad
		}{o, h, r}
	case asks:
		return struct {
			overlaid
			probes
		}{o, p}
	case throttles:
		return struct {
			overlaid
			holds
		}{o, h}
	case reads:
		return struct {
			overlaid
			readsLoad
		}{o, r}
	}
	return o
}

// scale makes weights sum to 1, and leaves those that sum to 0 alone.
func scale(w mesh.Weights) {
	sum := 0.0
	for _, x := range w {
		sum += x
	}
	if sum > 0 {
		for i := range w {
			w[i] /= sum
		}
	}
}
