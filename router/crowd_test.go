package router

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// crowd is a service in a closed loop: what endpoints get decides whether they are ready,
// and that what they get. Each bears half more than an equal share; what comes beyond that
// waits, ten seconds' worth at most, and what would wait for more than one second fails.
// Each is probed every 10 s, at a second of its own. A probe fails where requests do, or
// where something else ails the endpoint.
type crowd struct {
	pods   []discovery.Endpoint
	probed []int          // at which second of ten
	past   [][2][]float64 // of each, in the seconds of the last window: what came and what failed; 1 is an equal share
	queue  []float64      // what waits at each
	policy Policy         // nil: by readiness alone, as kube-proxy has it, but that all serve where none is ready
	found  *lookout
	frame  *frameOf
	shares []float64

	flips  int     // of readiness
	failed float64 // requests that failed, in seconds of all
	most   float64 // load of one endpoint
}

const (
	bears   = 1.5
	longest = 10 * bears
)

func newCrowd(n int, seed uint64, policy func(Config) Policy) *crowd {
	c := &crowd{found: &lookout{}}
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range n {
		c.pods, c.probed = append(c.pods, pod(fmt.Sprintf("c%04d", i), i, discovery.Ready)), append(c.probed, r.IntN(10))
		c.past, c.shares, c.queue = append(c.past, [2][]float64{}), append(c.shares, 1/float64(n)), append(c.queue, 0)
	}
	cfg := DefaultConfig()
	cfg.Found = c.found
	if policy != nil {
		c.policy = policy(cfg)
	}
	c.found.know(kube("checkout", "default", c.pods...))
	return c
}

// run lets seconds go by. ails says what else an endpoint has: dead ones fail all of their
// requests.
func (c *crowd) run(t testing.TB, from, to int, ails func(i int) bool, dead bool) {
	for now := from; now < to; now++ {
		flipped := false
		for i := range c.pods {
			if now%10 == c.probed[i] {
				flipped = c.probe(i, ails(i)) || flipped
			}
		}
		if flipped {
			c.found.know(kube("checkout", "default", c.pods...))
		}
		if now%5 == 0 {
			c.look(now / 5)
		}
		if flipped || now%5 == 0 {
			c.share(t, now)
		}
		for i, share := range c.shares {
			load := share * float64(len(c.pods))
			failed := 0.0
			if c.queue[i] = min(max(0, c.queue[i]+load-bears), longest); c.queue[i] > bears || dead && ails(i) {
				failed = load
			}
			for k, x := range [2]float64{load, failed} {
				c.past[i][k] = append(c.past[i][k][max(0, len(c.past[i][k])-9):], x)
			}
			c.most, c.failed = max(c.most, load), c.failed+failed/float64(len(c.pods))
		}
	}
}

func (c *crowd) probe(i int, ails bool) (flipped bool) {
	state := discovery.Ready
	if ails || c.queue[i] > bears {
		state = discovery.NotReady
	}
	if c.pods[i].State == state {
		return false
	}
	c.pods[i].State = state
	c.flips++
	return true
}

// look makes the window of the last ten seconds.
func (c *crowd) look(k int) {
	var list []seen
	for i, e := range c.pods {
		s := well(e.Name, "")
		requests, failed := 0.0, 0.0
		for k, load := range c.past[i][0] {
			requests, failed = requests+load, failed+c.past[i][1][k]
		}
		if s.rate, s.errors = 2*requests, nan; requests > 0 {
			s.errors = failed / requests
		}
		list = append(list, s)
	}
	c.frame = frame(k, list...)
}

func (c *crowd) share(t testing.TB, now int) {
	if c.policy != nil {
		c.frame.Time = epoch.Add(time.Duration(now) * time.Second)
		copy(c.shares, decide(t, c.policy, c.frame).Weights)
		return
	}
	ready := c.ready()
	for i, e := range c.pods {
		switch c.shares[i] = 0; {
		case ready == 0:
			c.shares[i] = 1 / float64(len(c.pods))
		case e.State == discovery.Ready:
			c.shares[i] = 1 / float64(ready)
		}
	}
}

func (c *crowd) ready() (n int) {
	for _, e := range c.pods {
		if e.State == discovery.Ready {
			n++
		}
	}
	return n
}

// TestNoStampede holds that a service whose readiness fails for a reason of its own, while
// it serves, goes on serving, and comes back without an endpoint that has more than it
// bears; by readiness alone one has all requests, which fail, and so does its readiness.
func TestNoStampede(t *testing.T) {
	fairway := func(cfg Config) Policy { return Limit(Eject(RoundRobin(), nil, cfg), cfg) }
	for _, n := range []int{3, 10, 300} {
		for _, c := range []struct {
			name string
			ails func(i int) bool
		}{
			{"all", func(int) bool { return true }},
			{"all but one", func(i int) bool { return i > 0 }},
			{"two of three", func(i int) bool { return i%3 > 0 }},
		} {
			t.Run(fmt.Sprintf("%s of %d", c.name, n), func(t *testing.T) {
				plain, ours := ordeal(t, newCrowd(n, 1, nil), c.ails), ordeal(t, newCrowd(n, 1, fairway), c.ails)
				t.Logf("by readiness alone: %+v", plain)
				t.Logf("here:               %+v", ours)
				if plain.failed < 0.005 || plain.most < 3 {
					t.Errorf("by readiness alone %+v; want a stampede, or this test shows nothing", plain)
				}
				if ours.failed > 0.001 || ours.most > 2 || ours.flips > 2*n || ours.ready != n {
					t.Errorf("%+v; want next to no failures, twice an equal share at most, and two flips each", ours)
				}
			})
		}
	}
}

// TestTrueFailure holds that what is not ready because it is dead gets nothing as soon as
// a window has shown it.
func TestTrueFailure(t *testing.T) {
	c := newCrowd(10, 1, func(cfg Config) Policy { return Limit(Eject(RoundRobin(), nil, cfg), cfg) })
	c.run(t, 0, 60, func(int) bool { return false }, false)
	for now := 60; now < 75; now++ {
		c.run(t, now, now+1, func(i int) bool { return i > 0 }, true)
		if c.shares[0] == 1 {
			return
		}
	}
	t.Errorf("shares %v; want all for the one that is alive, ten seconds after the last", c.shares)
}

// outcome is what became of a crowd.
type outcome struct {
	failed float64 // of all requests
	most   float64 // that one endpoint had, of an equal share
	flips  int
	ready  int // in the end
}

// ordeal has endpoints fail their readiness for two minutes, and five to come back.
func ordeal(t *testing.T, c *crowd, ails func(i int) bool) outcome {
	nothing := func(int) bool { return false }
	c.run(t, 0, 60, nothing, false)
	c.run(t, 60, 180, ails, false)
	c.run(t, 180, 480, nothing, false)
	return outcome{c.failed / 480, c.most, c.flips, c.ready()}
}
