package router

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
)

var approx = cmpopts.EquateApprox(0, 1e-9)

// story is a random history of n endpoints, windows in a row.
func story(r *rand.Rand, n, windows int) [][]seen {
	var all [][]seen
	list := make([]seen, n)
	for i := range list {
		list[i] = well(fmt.Sprintf("e%02d", i), []string{"v1", "v2"}[i%2]).slow(0.5 + 2*r.Float64())
	}
	broken := make([]int, n)
	for range windows {
		now := slices.Clone(list)
		for i := range now {
			if r.Float64() < 0.05 {
				broken[i] = 1 + r.IntN(10)
			}
			now[i].rate = 10 + 60*r.Float64()
			if broken[i] > 0 {
				broken[i]--
				switch i % 3 {
				case 0:
					now[i] = now[i].down()
				case 1:
					now[i] = now[i].failing(0.95)
				default:
					now[i] = now[i].failing(0.4)
				}
			}
		}
		all = append(all, now)
	}
	return all
}

// run decides windows one after the other and keeps each decision.
func run(t *testing.T, p Policy, windows ...[]seen) []Decision {
	t.Helper()
	var all []Decision
	for k, list := range windows {
		d := decide(t, p, frame(k, list...))
		all = append(all, d.Clone())
	}
	return all
}

func times(n int, list []seen) (windows [][]seen) {
	for range n {
		windows = append(windows, list)
	}
	return windows
}

func with(i int, change func(seen) seen) []seen {
	list := six()
	list[i] = change(list[i])
	return list
}

func failsAll(s seen) seen { return s.failing(1) }
