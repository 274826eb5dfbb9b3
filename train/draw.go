package train

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
)

// reservoir draws moments from a stream of unknown length and never holds many
// more rows (moments × endpoints) than it may. Each stratum keeps all of its
// moments, or as many rows as any other that has more: so a rare one survives
// whole. Every moment has a random key, and a stratum keeps the lowest, so
// that what is drawn of it is uniform whenever its room was narrowed.
type reservoir struct {
	most, held int // rows
	random     *rand.Rand
	piles      map[stratum]*pile
	order      []stratum // of their first moments: no map's order decides
	count      int       // moments offered
}

// pile is what is held of a stratum, a heap with the highest key on top.
type pile struct {
	held       []drawn
	rows, seen int     // rows held and offered
	limit      float64 // keys from this on were given up
}

type drawn struct {
	key     float64
	at      int // in the stream
	history int
	moment  Moment
}

func (p *pile) Len() int           { return len(p.held) }
func (p *pile) Less(i, j int) bool { return p.held[i].key > p.held[j].key }
func (p *pile) Swap(i, j int)      { p.held[i], p.held[j] = p.held[j], p.held[i] }
func (p *pile) Push(x any)         { p.held = append(p.held, x.(drawn)) }

func (p *pile) Pop() any {
	last := len(p.held) - 1
	top := p.held[last]
	p.held[last] = drawn{} // else its moment would be held
	p.held = p.held[:last]
	return top
}

func newReservoir(most int, random *rand.Rand) *reservoir {
	return &reservoir{most: most, random: random, piles: map[stratum]*pile{}}
}

// offer takes a moment of a stratum or leaves it.
func (r *reservoir) offer(s stratum, history int, m *Moment) {
	p := r.piles[s]
	if p == nil {
		p = &pile{limit: math.Inf(1)}
		r.piles[s], r.order = p, append(r.order, s)
	}
	key, rows := r.random.Float64(), len(m.Endpoints)
	r.count++
	p.seen += rows
	if key >= p.limit {
		return
	}
	heap.Push(p, drawn{key, r.count, history, *m})
	p.rows, r.held = p.rows+rows, r.held+rows
	if r.held > r.most+r.most/8 {
		r.narrow()
	}
}

// narrow gives up moments until the rest fits.
func (r *reservoir) narrow() {
	if r.held <= r.most {
		return
	}
	level := r.level()
	for _, s := range r.order {
		p := r.piles[s]
		for p.rows > level && len(p.held) > 1 {
			top := heap.Pop(p).(drawn)
			p.limit = top.key
			p.rows, r.held = p.rows-len(top.moment.Endpoints), r.held-len(top.moment.Endpoints)
		}
	}
}

// level is the most rows that every stratum may hold so that all fit.
func (r *reservoir) level() int {
	var sizes []int
	for _, s := range r.order {
		sizes = append(sizes, r.piles[s].rows)
	}
	slices.Sort(sizes)
	left := r.most
	for i, size := range sizes {
		fair := left / (len(sizes) - i)
		if size > fair {
			return fair
		}
		left -= size
	}
	return r.most
}

// finish returns what was drawn in the order of the stream. A moment's weight
// is how many rows of its stratum one of its rows stands for, divided by the
// mean of that: sums over what was drawn are then, but for a factor, those
// over everything.
func (r *reservoir) finish() []drawn {
	r.narrow()
	var all []drawn
	seen := 0
	for _, s := range r.order {
		seen += r.piles[s].seen
	}
	for _, s := range r.order {
		p := r.piles[s]
		weight := float64(p.seen) / float64(p.rows) * float64(r.held) / float64(seen)
		for _, d := range p.held {
			d.moment.Weight = weight
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b drawn) int { return cmp.Compare(a.at, b.at) })
	return all
}
