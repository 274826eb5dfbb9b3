package sim

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// asking probes endpoint 0 every 100 ms, and with each request, and reads
// loads.
type asking struct {
	listener
	asked, probed []time.Duration
	loads         []mesh.Load
}

func (p *asking) ReadsLoad() {}

func (p *asking) Probes(dst []int, now time.Duration) ([]int, time.Duration) {
	p.asked = append(p.asked, now)
	return append(dst, 0), now + 100*ms
}

func (p *asking) Probed(now time.Duration, i int, l mesh.Load) {
	p.probed = append(p.probed, now)
	p.loads = append(p.loads, l)
}

func TestProbes(t *testing.T) {
	s := steady(1, Event{Kind: Stall, At: 3 * time.Second, For: time.Second, Select: Select{All: true}})
	s.Arrivals.Rate = 2 // a request at 0.5 s, 1 s, …
	p := &asking{listener: listener{n: 1}}
	res := runOne(t, s, 1, listen(p))
	if res.Probes != len(p.asked) || len(p.asked) < 90 || len(p.asked) > 120 {
		t.Errorf("%d probes were sent, %d times asked for", res.Probes, len(p.asked))
	}
	if got := p.probed[0] - p.asked[0]; got != 2*ms {
		t.Errorf("a probe took %v over 1 ms of network", got)
	}
	during := 0
	for _, at := range p.probed {
		if at > 3*time.Second+2*ms && at < 4*time.Second {
			during++
		}
	}
	if during > 0 {
		t.Errorf("an endpoint that hangs answered %d probes", during)
	}
	if l := p.loads[len(p.loads)/4]; math.IsNaN(l.Rate) || math.Abs(l.Rate-2) > 1.1 || math.Abs(l.Service-0.004) > 1e-6 || l.Latency == 0 {
		t.Errorf("load after a while is %+v", l)
	}
	if l := p.loads[0]; !math.IsNaN(l.Rate) || !math.IsNaN(l.Latency) {
		t.Errorf("the first load is %+v; nothing was answered yet", l)
	}
}

func TestReadsLoad(t *testing.T) {
	for _, reads := range []bool{true, false} {
		heard := 0
		p := &hearing{listener: listener{n: 1}, loads: &heard}
		strategy := listen(p)
		if reads {
			strategy = listen(&readingLoads{*p})
		}
		runOne(t, steady(1), 1, strategy)
		if (heard > 900) != reads || !reads && heard > 0 {
			t.Errorf("reads %v: heard %d loads", reads, heard)
		}
	}
}

type hearing struct {
	listener
	loads *int
}

func (p *hearing) Done(_ time.Duration, _ int, o mesh.Outcome) {
	if o.Load != nil && o.Load.InFlight == 0 {
		*p.loads++
	}
}

type readingLoads struct{ hearing }

func (*readingLoads) ReadsLoad() {}

// throttling lets one request be in flight, or none before a time.
type throttling struct {
	listener
	inFlight int
	opens    time.Duration
	picks    []time.Duration
}

func (p *throttling) Pick(now time.Duration, r *mesh.Request) int {
	if p.inFlight > 0 || now < p.opens {
		return picker.Held
	}
	p.inFlight++
	p.picks = append(p.picks, now)
	return p.listener.Pick(now, r)
}
func (p *throttling) Done(now time.Duration, i int, o mesh.Outcome) {
	p.inFlight--
	p.listener.Done(now, i, o)
}
func (p *throttling) Retry(now time.Duration) time.Duration {
	if now < p.opens {
		return p.opens
	}
	return picker.Never
}

func TestHeldRequests(t *testing.T) {
	s := steady(1)
	s.Arrivals.Rate = 120 // each takes 6 ms, so what was held back is sent by and by
	p := &throttling{listener: listener{n: 1}, opens: time.Second}
	var finished []Finished
	res, err := Watch(t.Context(), s, 1, listen(p), &Observer{Finished: func(f *Finished) { finished = append(finished, *f) }})
	if err != nil {
		t.Fatal(err)
	}
	if p.picks[0] != time.Second {
		t.Errorf("the first pick was at %v; Retry named 1 s", p.picks[0])
	}
	apart := 0
	for k := range 80 {
		if p.picks[k+1]-p.picks[k] == 6*ms {
			apart++
		}
	}
	if apart < 60 {
		t.Errorf("%d of 80 picks came 6 ms after the one before, with the answer", apart)
	}
	expired := 0
	for _, f := range finished {
		if f.Endpoint < 0 {
			expired++
			if f.Status != 504 || f.Latency != s.Deadline {
				t.Fatalf("held back and finished %+v", f)
			}
		}
	}
	if expired < 55 || expired > 90 || res.Failed < expired || len(p.outcomes)+expired != len(finished) {
		t.Errorf("%d expired while held back, %d failed, the picker heard of %d of %d", expired, res.Failed, len(p.outcomes), len(finished))
	}
}

// TestHeldTimeIsNotTheEndpoints: the user's latency counts from the arrival, what
// the picker hears from when it sent the request: an endpoint is no slower for a
// proxy that held a request back.
func TestHeldTimeIsNotTheEndpoints(t *testing.T) {
	s := steady(1)
	p := &throttling{listener: listener{n: 1}, opens: 400 * ms}
	longest := time.Duration(0)
	_, err := Watch(t.Context(), s, 1, listen(p), &Observer{Finished: func(f *Finished) {
		if f.Endpoint == 0 {
			longest = max(longest, f.Latency)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if longest < 300*ms {
		t.Fatalf("the longest wait was %v; none was held back for long", longest)
	}
	for _, o := range p.outcomes {
		if o.Latency > 6*ms || !o.Failed && o.Latency != 6*ms {
			t.Fatalf("the picker heard %+v; an endpoint answers in 6 ms", o)
		}
	}
}

func TestNothingToPick(t *testing.T) {
	res := runOne(t, steady(1), 1, listen(&nowhere{}))
	if res.Failed != res.Requests || res.Expired != 0 || math.Abs(res.Mean-0.5) > 1e-9 {
		t.Errorf("%d of %d failed, %d expired, mean %v", res.Failed, res.Requests, res.Expired, res.Mean)
	}
}

type nowhere struct{}

func (nowhere) Pick(time.Duration, *mesh.Request) int { return -1 }
func (nowhere) Done(time.Duration, int, mesh.Outcome) {}
func (nowhere) Update(mesh.Weights)                   {}

// TestTruth: with fifo and constant work what the oracle is told is what comes.
func TestTruth(t *testing.T) {
	s := queue(3, Group{Speed: Speed{Values: []float64{1, 2, 0.5}}}, 0.7, Work{Distribution: Constant}, 3000)
	promised := map[int]float64{}
	strategy := router.Strategy{Name: "oracle", Picker: func(c picker.Config) picker.Picker {
		p, err := picker.Named("random", c)
		if err != nil {
			t.Fatal(err)
		}
		return &promising{Picker: p, truth: c.Truth, promised: promised}
	}}
	off, k := 0, 0
	_, err := Watch(t.Context(), s, 1, strategy, &Observer{Finished: func(f *Finished) {
		k++
		want := promised[int(f.Arrived)]
		if math.Abs(f.Latency.Seconds()-want) > 1e-6 {
			off++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if off > 0 || k < 2000 {
		t.Errorf("%d of %d requests took another time than the truth said", off, k)
	}
}

type promising struct {
	picker.Picker
	truth    func(int) float64
	promised map[int]float64
}

func (p *promising) Pick(now time.Duration, r *mesh.Request) int {
	i := p.Picker.Pick(now, r)
	p.promised[int(now)] = p.truth(i)
	return i
}
