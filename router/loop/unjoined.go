package loop

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// unjoined is what metrics and discovery do not call alike.
type unjoined struct {
	at    time.Time                     // when it was last looked for
	of    *router.Known                 // in what was known then
	since map[router.Unjoined]time.Time // of now: when it was first found so
	told  map[router.Unjoined]bool
}

// joinEvery is how often it is looked for while discovery says nothing new.
const joinEvery = 30 * time.Second

// tellAfter is how long something is not joined until it is told: a pod is discovered
// before it is scraped, and seen for a while after it is gone.
const tellAfter = 2 * time.Minute

// examples is how many are logged at once.
const examples = 3

// join counts what metrics and discovery do not call alike, and tells of what has
// lasted, each once until it is joined.
func (l *Loop) join(now time.Time) {
	if u := &l.unjoined; l.known == u.of && now.Sub(u.at).Abs() < joinEvery {
		return
	}
	l.unjoined.at, l.unjoined.of = now, l.known
	seen := map[string][]mesh.Endpoint{}
	for service, f := range l.former.last {
		if !f.End.IsZero() {
			seen[service] = f.Endpoints
		}
	}
	all := l.known.Unjoined(l.former.rules, seen, l.former.Members)
	since, count := make(map[router.Unjoined]time.Time, len(all)), map[[2]string]int{}
	var tell []router.Unjoined
	for _, u := range all {
		count[[2]string{string(u.Side), u.What()}]++
		from, lasts := l.unjoined.since[u]
		if !lasts {
			from = now
		}
		since[u] = from
		quiet := u.Side == router.InDiscovery && u.Endpoint == "" // who has no requests has no metrics
		if now.Sub(from) >= tellAfter && !quiet && !l.unjoined.told[u] {
			tell = append(tell, u)
		}
	}
	for u := range l.unjoined.told {
		if _, still := since[u]; !still {
			delete(l.unjoined.told, u)
		}
	}
	l.unjoined.since = since
	for _, side := range []router.Side{router.InMetrics, router.InDiscovery} {
		for _, what := range []string{"service", "endpoint"} {
			l.metrics.unjoined.WithLabelValues(string(side), what).Set(float64(count[[2]string{string(side), what}]))
		}
	}
	l.tellUnjoined(tell)
}

// tellUnjoined logs what is new, with the likeliest reason of the first of it.
func (l *Loop) tellUnjoined(all []router.Unjoined) {
	if len(all) == 0 {
		return
	}
	if l.unjoined.told == nil {
		l.unjoined.told = map[router.Unjoined]bool{}
	}
	var names []string
	for i, u := range all {
		l.unjoined.told[u] = true
		if i < examples {
			name := fmt.Sprintf("%s %s, in %s only", u.What(), u.Service, u.Side)
			if u.Endpoint != "" {
				name = fmt.Sprintf("%s %s/%s, in %s only", u.What(), u.Service, u.Endpoint, u.Side)
			}
			names = append(names, name)
		}
	}
	first := all[0]
	l.cfg.Log.Warn("metrics and discovery do not call everything alike", "unjoined", len(all), "examples", names, "likely", l.known.Why(first, l.former.Members(first.Service)))
}
