package sim

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

var nan = math.NaN()

// run is one strategy in one scenario with one seed. All that takes a constant
// time (requests, answers and probes on their way, deadlines) waits in rings,
// an endpoint has its next completion as its only event, and everything else
// is in the agenda.
type run struct {
	scenario *Scenario
	observer *Observer
	now      int64
	delay    int64
	deadline int64
	end      int64 // of arrivals

	endpoints   []endpoint
	proxies     []*proxy
	completions completions
	agenda      agenda
	sending     ring[transit]
	answering   ring[transit]
	deadlines   ring[expiry]
	probesOut   ring[probe]
	probesBack  ring[report]
	pace        *pace
	arrival     int64 // the next
	arrived     int   // how many, since the warm-up
	live        int   // requests whose proxies wait

	requests []request
	loads    []mesh.Load // of the answers on their way, by slot; only for those who read them
	vacant   []int32
	reads    bool

	draws  draws
	faults []*fault
	flux   []float64 // of the antagonists, per endpoint
	cores  []float64
	slow   slowLoop
	inUse  mesh.Weights // by the slow loop's last decision

	measure  *measure
	result   *Result
	counters Counters
	finished Finished
	request  mesh.Request
	load     mesh.Load
	asked    []int
	err      error

	doRetry, doProbe, doNews, doFixed func(int32)
}

type transit struct {
	at   int64
	slot int32
}

type expiry struct {
	at int64
	ticket
}

type probe struct {
	at              int64
	proxy, endpoint int32
}

type report struct {
	probe
	load mesh.Load
}

// Where a request is. Whoever has it when its proxy has given it up frees it.
const (
	holding    = iota // at the proxy
	travelling        // to the endpoint
	queueing
	serving
	fixedly // served, for a fixed time
	returning
	gone // nowhere: lost
)

type request struct {
	arrived, sent, reached, started int64
	work, luck                      float64
	propensity                      float64
	proxy, endpoint                 int32
	class, level                    int32
	generation                      uint32
	status                          int16
	state                           uint8
	ended                           bool // the proxy does not wait for it any more
}

// Run runs a strategy through a scenario with a seed. Arrivals, work, faults
// and antagonists are the same for every strategy.
func Run(ctx context.Context, s *Scenario, seed uint64, strategy router.Strategy) (*Result, error) {
	return Watch(ctx, s, seed, strategy, nil)
}

// Watch runs as Run does, and tells the observer.
func Watch(ctx context.Context, s *Scenario, seed uint64, strategy router.Strategy, o *Observer) (*Result, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Arrivals.Process == Log && s.Arrivals.gaps == nil {
		return nil, fmt.Errorf("sim: the log of arrivals %s was not read; get the scenario from Load", s.Arrivals.File)
	}
	if o == nil {
		o = &Observer{}
	}
	r, err := newRun(s, seed, strategy, o)
	if err != nil {
		return nil, err
	}
	if err := r.loop(ctx); err != nil {
		return nil, fmt.Errorf("sim: %s in scenario %s, seed %d: %w", strategy.Name, s.Name, seed, err)
	}
	return r.finish(), nil
}

// A stream of random numbers for everything that is drawn, so that what one
// strategy draws moves nothing that another one meets.
const (
	arrivalStream = iota + 101
	workStream
	luckStream
	speedStream
	faultStream
	antagonistStream
	metricsStream
	pickerStream
)

func stream(seed uint64, which uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, which)) }

func newRun(s *Scenario, seed uint64, strategy router.Strategy, o *Observer) (*run, error) {
	n := s.Count()
	res := &Result{Scenario: s.Name, Strategy: strategy.Name, Seed: seed}
	for _, e := range s.Endpoints() {
		res.Endpoints = append(res.Endpoints, e.Name)
	}
	r := &run{
		scenario: s, observer: o, result: res, measure: newMeasure(res, s),
		delay: int64(s.Network), deadline: int64(s.Deadline), end: int64(s.Duration),
		completions: newCompletions(n), request: mesh.Request{Service: s.service()},
	}
	r.doRetry, r.doProbe, r.doNews, r.doFixed = r.retryNow, r.probeNow, r.hear, r.endFixed
	r.draws = newDraws(s, seed)
	r.build(seed)
	r.pace = s.Arrivals.pace(s.capacity(seed), stream(seed, arrivalStream))
	r.faults = s.faults(stream(seed, faultStream))
	if len(r.faults) > 0 {
		r.measure.bins = newBins(s, max(r.pace.steps[len(r.pace.steps)-1].rate, 1e-3))
	}
	for k := range r.faults {
		r.turn(int32(k))
	}
	r.antagonize(stream(seed, antagonistStream))
	var slow slowLoop
	if strategy.Policy != nil {
		var err error
		if slow, err = newSlowLoop(s, strategy.Policy); err != nil {
			return nil, err
		}
	}
	r.startSlowLoop(slow, seed)
	seeds := stream(seed, pickerStream)
	for range s.Proxies.Count {
		x := newProxy(strategy.Picker(picker.Config{Endpoints: n, Proxies: s.Proxies.Count, Seed: seeds.Uint64(), Truth: r.truth}))
		r.reads = r.reads || x.reads
		r.proxies = append(r.proxies, x)
	}
	r.nextArrival()
	return r, nil
}

func (r *run) build(seed uint64) {
	speeds := stream(seed, speedStream)
	for g := range r.scenario.Groups {
		group := &r.scenario.Groups[g]
		for i := range group.Count {
			e := endpoint{
				workers: group.Workers, burst: group.Burst, sharing: group.Discipline == Sharing,
				base: group.Speed.of(i, speeds), memory: group.Memory, slots: math.MaxInt,
				signals: newSignals(0, counts{}),
			}
			if !e.sharing {
				e.slots = int(group.Workers)
			}
			if group.Queue > 0 {
				e.limit = group.Queue
				if !e.sharing {
					e.limit += e.slots
				}
			}
			e.speed, e.cores = e.base, e.burst
			r.endpoints = append(r.endpoints, e)
			r.flux, r.cores = append(r.flux, 1), append(r.cores, e.burst)
		}
	}
}

// capacity is the nominal one of all endpoints, in requests per second; those
// that fluctuate are taken at their mean speed.
func (s *Scenario) capacity(seed uint64) float64 {
	sum := 0.0
	for _, c := range s.Capacities(seed) {
		sum += c
	}
	for _, a := range s.Antagonists {
		if a.Kind == Fluctuating {
			sum *= (1 + a.Factor) / 2
		}
	}
	return sum
}

func (r *run) truth(i int) float64 {
	if i < 0 || i >= len(r.endpoints) {
		return math.Inf(1)
	}
	return r.endpoints[i].until(r.now, r.draws.meanWork)
}
