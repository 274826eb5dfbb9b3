package picker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// boardPowerOfTwo is power of two choices on a board that everyone reads and
// that is renewed now and then (Mitzenmacher, "How useful is old information?",
// TPDS 2000): two distinct endpoints are drawn by weight, the one with fewer requests in
// flight on the board is picked. Here the board is what was scraped last.
//
// As board_own_power_of_two each request that this proxy has sent since the
// board came counts as one, times the number of proxies: each of the others is
// expected to send as much. Without that factor the correction is too small by
// far, and herds nearly as if there were none.
//
// An endpoint that is not on the board is taken for one with the mean of those
// that are; without a board all have the same.
type boardPowerOfTwo struct {
	open
	random *rand.Rand
	draw   Draw
	each   float64   // what a request sent since the board came counts as
	board  []float64 // requests in flight
	sent   []float64 // since the board came
}

func newBoardPowerOfTwo(c Config, _ settings) Picker {
	return &boardPowerOfTwo{random: newRandom(c, 16)}
}

func newBoardOwnPowerOfTwo(c Config, s settings) Picker {
	return &boardPowerOfTwo{random: newRandom(c, 17), each: s.proxies(c)}
}

func (p *boardPowerOfTwo) Pick(time.Duration, *mesh.Request) int {
	i := p.draw.Pick(p.random.Uint64())
	if i < 0 {
		return -1
	}
	j := p.draw.PickOther(p.random.Uint64(), i)
	if p.load(j) < p.load(i) {
		i = j
	}
	p.sent[i]++
	return i
}

func (p *boardPowerOfTwo) load(i int) float64 { return p.board[i] + p.each*p.sent[i] }

func (p *boardPowerOfTwo) recall(i int) {
	if i >= 0 && i < len(p.sent) && p.sent[i] > 0 {
		p.sent[i]--
	}
}

func (p *boardPowerOfTwo) Done(time.Duration, int, mesh.Outcome) {}

// Board reads a new board; what was sent before is on it.
func (p *boardPowerOfTwo) Board(b Board) {
	inFlight := b.InFlight
	sum, n := 0.0, 0.0
	for _, x := range inFlight {
		if x >= 0 && !math.IsInf(x, 0) {
			sum, n = sum+x, n+1
		}
	}
	for i := range p.board {
		p.board[i], p.sent[i] = sum/max(n, 1), 0
		if i < len(inFlight) && inFlight[i] >= 0 && !math.IsInf(inFlight[i], 0) {
			p.board[i] = inFlight[i]
		}
	}
}

// Update takes an endpoint that joins for a mean one until a board names it.
func (p *boardPowerOfTwo) Update(w mesh.Weights) {
	board, sent, n := 0.0, 0.0, 0.0
	for _, i := range p.list {
		if i < len(w) && w[i] > 0 {
			board, sent, n = board+p.board[i], sent+p.sent[i], n+1
		}
	}
	p.board, p.sent = resize(p.board, len(w), 0), resize(p.sent, len(w), 0)
	for i, x := range w {
		if x > 0 && !p.has(i) {
			p.board[i], p.sent[i] = board/max(n, 1), sent/max(n, 1)
		}
	}
	p.set(w)
	p.draw = NewDraw(p.draw, w)
}
