package train

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// regime is what a service was going through when a decision was due. The
// later one counts where several hold.
type regime uint8

const (
	lowLoad regime = iota // of the service, by thirds of the time
	middleLoad
	highLoad
	peakLoad   // the highest twentieth
	newcomer   // an endpoint was seen for the first time a short while ago
	failingNow // an endpoint is down or beyond a limit
	beforeFailure
	regimes
)

var regimeNames = [regimes]string{"low load", "middle load", "high load", "peak load", "a new endpoint", "failing", "before a failure"}

// stratum is what is drawn from by itself. Of validation and test there is
// one, so that they stay as representative as they were.
type stratum struct {
	history int
	service string
	regime  regime
}

var everything = stratum{history: -1}

// regimesOf tells the regime of moments that come in order of time.
type regimesOf struct {
	limits      map[string]Limits
	minRequests float64
	loads       map[string][]float64 // of a service, requests/s: where the levels end
	young       time.Duration
	known       map[[2]string]*known
}

type known struct{ since, last time.Time }

// loadsOf are the loads that part a service's levels, from training.
func loadsOf(set *Set) map[string][]float64 {
	seen := map[string][]float64{}
	set.each(datasets.Train, func(_ int, m *Moment) { seen[m.Service] = append(seen[m.Service], load(m)) })
	for service, list := range seen {
		slices.Sort(list)
		seen[service] = []float64{quantile(list, 1.0/3), quantile(list, 2.0/3), quantile(list, 0.95)}
	}
	return seen
}

// load is that of all endpoints of which it is known, in requests/s.
func load(m *Moment) float64 {
	sum := 0.0
	for i := range m.Now {
		if m.Now[i].Rate > 0 {
			sum += m.Now[i].Rate
		}
	}
	return sum
}

func (r *regimesOf) of(m *Moment) regime {
	now, total := lowLoad, load(m)
	for _, edge := range r.loads[m.Service] {
		if total > edge {
			now++
		}
	}
	for i, name := range m.Endpoints {
		if r.limits[m.Service].breach(&m.Now[i], r.minRequests) != "" {
			now = max(now, failingNow)
		}
		if m.Fates[i].Failed {
			now = max(now, beforeFailure)
		}
		if r.isNew(m.Service, name, m.Time) {
			now = max(now, newcomer)
		}
	}
	return now
}

// isNew takes note of an endpoint; one that was away for a while is new again.
func (r *regimesOf) isNew(service, name string, at time.Time) bool {
	key := [2]string{service, name}
	k := r.known[key]
	if k == nil || at.Sub(k.last) > r.young {
		k = &known{since: at}
		r.known[key] = k
	}
	k.last = at
	return at.Sub(k.since) < r.young
}

// describe says how much was drawn of each regime.
func describe(r *reservoir) string {
	var rows, seen [regimes]int
	for s, p := range r.piles {
		rows[s.regime] += p.rows
		seen[s.regime] += p.seen
	}
	var list []string
	for i, name := range regimeNames {
		if seen[i] > 0 {
			list = append(list, fmt.Sprintf("%s %d of %d", name, rows[i], seen[i]))
		}
	}
	return strings.Join(list, ", ")
}
