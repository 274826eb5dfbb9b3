package replay

import (
	"maps"
	"slices"
)

// lack tells the rows how much of their weight was where the log could not
// have gone: on endpoints to which the policy would have sent enough requests to
// tell, and the log sent none, in a block or at all.
func (l *serviceLog) lack(blocks clock) {
	drawn := map[string]int{}
	for _, block := range l.drawn {
		for endpoint, n := range block {
			drawn[endpoint] += n
		}
	}
	for i := range l.rows[:len(l.rows)-1] {
		wanted, all := l.wanted(i, blocks)
		for b, endpoints := range wanted {
			for _, endpoint := range slices.Sorted(maps.Keys(endpoints)) {
				never := drawn[endpoint] == 0 && all[endpoint] >= enough
				if never || l.drawn[b][endpoint] == 0 && endpoints[endpoint] >= enough {
					l.rows[i].lack(endpoints[endpoint])
				}
			}
		}
	}
}

// enough requests to tell: a log that sends as many on average sends none in
// one of twenty cases.
const enough = 3

// wanted is how many of the used requests a row's policy would have sent to
// each endpoint, block by block and in all.
func (l *serviceLog) wanted(row int, blocks clock) (wanted []map[string]float64, all map[string]float64) {
	wanted, all = make([]map[string]float64, blocks.n), map[string]float64{}
	for b := range wanted {
		wanted[b] = map[string]float64{}
	}
	for _, w := range l.windows {
		b := blocks.of(w.Time)
		for e, weight := range w.Steps[row].Weights {
			requests := weight * float64(l.met[w])
			wanted[b][w.Endpoints[e].Name] += requests
			all[w.Endpoints[e].Name] += requests
		}
	}
	return wanted, all
}
