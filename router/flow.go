package router

import (
	"slices"

	"github.com/fairway-mesh/fairway/router/rules"
)

// flow is which part of the requests from each zone goes to which zone; the rows sum to
// 1. The last zone stands for callers and endpoints whose zone is not known.
type flow struct{ to [][]float64 }

// leastDemand is the part of all requests that a zone is reckoned with at least, so that it
// has weights before the first of its callers is seen.
const leastDemand = 1e-3

// dust is what sums that should cancel out leave of a part: no zone is to be told to
// send anybody somewhere for that.
const dust = 1e-9

// newFlow keeps requests in their zones up to what these have room for, and lets what
// is over flow on: to the next zone in the order of the rules, in as many rounds as
// the longest order has; then to whichever zones have room, in proportion to it; then,
// where there is none anywhere, by the weights. Zones that compete for the room of
// one share it in proportion to what they have over.
//
// zones are the callers', demand the part of all requests that comes from each,
// weights what the policy gives each of them, and limit the part of all requests that
// each can take; the last of each is of zones that are not known.
func newFlow(spill *rules.Spill, zones []string, demand, weights, limit []float64) *flow {
	n := len(zones)
	f := &flow{to: make([][]float64, n+1)}
	f.to[n] = slices.Clone(weights) // of whom nothing is known goes where the policy says
	over, room := make([]float64, n), slices.Clone(limit)
	use := func(row []float64, part float64) {
		for y := range room {
			room[y] = max(room[y]-part*row[y], 0)
		}
	}
	use(f.to[n], demand[n])
	rounds := 0
	for z, zone := range zones {
		if row := split(spill.Split[zone], zones, weights); row != nil {
			f.to[z] = row
			use(row, demand[z])
			continue
		}
		f.to[z], over[z] = make([]float64, n+1), max(demand[z], leastDemand)
		rounds = max(rounds, len(spill.Order[zone]))
	}
	for k := range rounds + 1 {
		f.round(over, room, func(z int) int {
			switch order := spill.Order[zones[z]]; {
			case k == 0:
				return z
			case k > len(order):
				return -1
			default:
				y, _ := slices.BinarySearch(zones, order[k-1])
				if y < n && zones[y] == order[k-1] {
					return y
				}
				return -1
			}
		})
	}
	f.anywhere(over, room, weights)
	for z := range zones {
		normalize(f.to[z])
		for y, part := range f.to[z] {
			if part < dust {
				f.to[z][y] = 0
			}
		}
		normalize(f.to[z])
	}
	return f
}

// split is the row that the rules fix, of the zones that have weight; nil where they
// fix none or none of theirs has.
func split(parts map[string]float64, zones []string, weights []float64) []float64 {
	row, sum := make([]float64, len(weights)), 0.0
	for y, zone := range zones {
		if weights[y] > 0 {
			row[y] = parts[zone]
			sum += row[y]
		}
	}
	if !(sum > 0) {
		return nil
	}
	normalize(row)
	return row
}

// round lets each zone's rest flow to one zone; -1: to none.
func (f *flow) round(over, room []float64, next func(z int) int) {
	asked := make([]float64, len(room))
	for z := range over {
		if y := next(z); y >= 0 {
			asked[y] += over[z]
		}
	}
	for z := range over {
		y := next(z)
		if y < 0 || asked[y] == 0 {
			continue
		}
		part := over[z] * min(room[y]/asked[y], 1)
		f.to[z][y] += part
		over[z] -= part
	}
	for y := range room {
		room[y] -= min(room[y], asked[y])
	}
}

// anywhere lets the rests flow to where there is room, and beyond that by the weights.
func (f *flow) anywhere(over, room, weights []float64) {
	rest, free := 0.0, 0.0
	for _, x := range over {
		rest += x
	}
	for _, x := range room {
		free += x
	}
	fits := 0.0
	if rest > 0 {
		fits = min(free/rest, 1)
	}
	for z, x := range over {
		for y := range room {
			if free > 0 {
				f.to[z][y] += x * fits * room[y] / free
			}
			f.to[z][y] += x * (1 - fits) * weights[y]
		}
	}
}

// origins writes to demand where load came from that was spread so, if before was the
// demand: the share of each zone of callers in what each zone of endpoints got.
func (f *flow) origins(demand, before, load []float64) {
	clear(demand)
	for y, got := range load {
		sum := 0.0
		for z := range before {
			sum += max(before[z], leastDemand) * f.to[z][y]
		}
		for z := range before {
			if sum > 0 {
				demand[z] += got * max(before[z], leastDemand) * f.to[z][y] / sum
			}
		}
	}
	normalize(demand)
}

func normalize(row []float64) {
	sum := 0.0
	for _, x := range row {
		sum += x
	}
	for i := range row {
		if sum > 0 {
			row[i] /= sum
		}
	}
}
