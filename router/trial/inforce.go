package trial

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// inForce is what each line gives to the endpoints of a service from a time on.
type inForce struct {
	from  time.Time
	lines map[string]pair
}

// pair is something of each line.
type pair struct{ former, tried float64 }

// remembered is how many changes of weights are kept of a service: windows of a
// five-minute range every 5 s.
const remembered = 64

// course is what has been in force, the oldest first.
type course []inForce

func (c *course) add(now time.Time, endpoints []mesh.Endpoint, former, tried mesh.Weights) {
	next := inForce{now, make(map[string]pair, len(endpoints))}
	for i, e := range endpoints {
		if i < len(former) && i < len(tried) {
			next.lines[e.Name] = pair{share(former[i]), share(tried[i])}
		}
	}
	for len(*c) > 0 && !(*c)[len(*c)-1].from.Before(now) {
		*c = (*c)[:len(*c)-1] // decided upon again, or the clock went back
	}
	if len(*c) == remembered {
		copy(*c, (*c)[1:])
		*c = (*c)[:remembered-1]
	}
	*c = append(*c, next)
}

// share is a weight, and none where it is no number.
func share(w float64) float64 { return min(number(w), 1) }

// mean is what was in force of each endpoint between two times, and for which part
// of that time anything is known of it.
func (c course) mean(start, end time.Time) (lines map[string]pair, known float64) {
	span := end.Sub(start).Seconds()
	if span <= 0 {
		return nil, 0
	}
	lines = map[string]pair{}
	for i, f := range c {
		from, to := f.from, end
		if i+1 < len(c) && c[i+1].from.Before(end) {
			to = c[i+1].from
		}
		if from.Before(start) {
			from = start
		}
		part := to.Sub(from).Seconds() / span
		if part <= 0 {
			continue
		}
		known += part
		for name, p := range f.lines {
			sum := lines[name]
			lines[name] = pair{sum.former + part*p.former, sum.tried + part*p.tried}
		}
	}
	return lines, known
}

// last is what is in force now.
func (c course) last() map[string]pair {
	if len(c) == 0 {
		return nil
	}
	return c[len(c)-1].lines
}
