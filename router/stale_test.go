package router

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// stale is Mitzenmacher's model of old information: endpoints with one worker
// and a queue each, services of mean 1 s, load 0.9, and a board of all queues
// that is renewed every so often.
type stale struct {
	random *rand.Rand
	ends   [][]float64 // of the requests at each endpoint, the oldest first
	now    float64
}

func (s *stale) queue(i int) int {
	for len(s.ends[i]) > 0 && s.ends[i][0] <= s.now {
		s.ends[i] = s.ends[i][1:]
	}
	return len(s.ends[i])
}

// serve sends a request to endpoint i and returns how long it takes.
func (s *stale) serve(i int) float64 {
	begin := s.now
	if n := s.queue(i); n > 0 {
		begin = s.ends[i][n-1]
	}
	end := begin + s.random.ExpFloat64()
	s.ends[i] = append(s.ends[i], end)
	return end - s.now
}

// frame is what the board shows.
func (s *stale) frame() *features.Frame {
	at := epoch.Add(time.Duration(s.now * float64(time.Second)))
	f := &features.Frame{Window: mesh.Window{Service: "checkout", Schema: boardSchema, Start: at.Add(-time.Second), End: at, Time: at}}
	for i := range s.ends {
		f.Endpoints = append(f.Endpoints, mesh.Endpoint{Name: fmt.Sprintf("e%03d", i)})
		f.Values = append(f.Values, 0.9, float64(s.queue(i)))
	}
	return f
}

var boardSchema = &mesh.Schema{Name: "board", Series: []mesh.Series{{Name: mesh.RequestRate}, {Name: mesh.InFlight}}}

// mean runs a strategy of some proxies and returns the mean response.
func (s *stale) mean(t *testing.T, name string, endpoints, proxies, requests int, period float64) float64 {
	s.random, s.ends = rand.New(rand.NewPCG(1, 1)), make([][]float64, endpoints)
	st := strategy(t, name)
	var pickers []picker.Picker
	for k := range proxies {
		pickers = append(pickers, st.Picker(picker.Config{Endpoints: endpoints, Proxies: proxies, Seed: uint64(k)}))
	}
	sum, renewed := 0.0, 0.0
	for range requests {
		s.now += s.random.ExpFloat64() / (0.9 * float64(endpoints))
		if s.now >= renewed {
			renewed += period
			d := decide(t, st.Policy, s.frame())
			for _, p := range pickers {
				p.Update(d.Weights)
				if r, reads := p.(picker.BoardReader); reads {
					r.Board(d.Board)
				}
			}
		}
		sum += s.serve(pickers[s.random.IntN(proxies)].Pick(0, nil))
	}
	return sum / float64(requests)
}

// TestStaleBoards: the mean responses with 100 endpoints that a simulation of
// its own, made before there was any of this, found for a board of 5 and 20
// service times. Equal weights have 10 (M/M/1).
func TestStaleBoards(t *testing.T) {
	for _, c := range []struct {
		name    string
		proxies int
		period  float64
		want    float64
	}{
		{"load_interpretation:horizon=5s", 1, 5, 4.06},
		{"load_interpretation:horizon=20s", 1, 20, 6.08},
		{"board_power_of_two", 1, 5, 4.00},
		{"board_power_of_two", 1, 20, 7.11},
		{"board_own_power_of_two", 50, 20, 5.68},
	} {
		got := new(stale).mean(t, c.name, 100, c.proxies, 300_000, c.period)
		t.Logf("%s, %d proxies, board of %v s: %.2f s, expected %.2f s", c.name, c.proxies, c.period, got, c.want)
		near(t, c.name, got, c.want, 0.1*c.want)
	}
}

// TestStaleGoesByHowWindowsCome: three of them, however fast the schema would
// have them, and whatever a model learned from.
func TestStaleGoesByHowWindowsCome(t *testing.T) {
	f := frame(0, six()...)
	f.Step, f.Delay = 30, 2*time.Second
	if got := (Config{}).staleAfter(f); got != 92*time.Second {
		t.Errorf("windows every 30 s are stale after %v", got)
	}
	f.Step = 1 // less than the schema's 5 s
	if got := (Config{}).staleAfter(f); got != 17*time.Second {
		t.Errorf("windows every second are stale after %v", got)
	}
}
