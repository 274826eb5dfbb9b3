package sim

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

const ms = time.Millisecond

// listener is a picker of two endpoints in turn that writes down what it hears.
type listener struct {
	n, next  int
	picked   int
	outcomes []outcome
}

type outcome struct {
	at       time.Duration
	endpoint int
	mesh.Outcome
}

func (p *listener) Pick(time.Duration, *mesh.Request) int {
	p.picked++
	p.next = (p.next + 1) % p.n
	return p.next
}
func (p *listener) Done(now time.Duration, i int, o mesh.Outcome) {
	p.outcomes = append(p.outcomes, outcome{now, i, o})
}
func (p *listener) Update(mesh.Weights) {}

func listen(p picker.Picker) router.Strategy {
	return router.Strategy{Name: "listener", Picker: func(picker.Config) picker.Picker { return p }}
}

// steady is a scenario of one request every 10 ms, each of 4 ms of work, to
// endpoints 1 ms away that are idle otherwise.
func steady(endpoints int, events ...Event) *Scenario {
	s := &Scenario{
		Name: "steady", Duration: 10 * time.Second, Deadline: 500 * ms, Network: ms,
		Arrivals: Arrivals{Process: Uniform, Rate: 100}, Work: Work{Distribution: Constant, Mean: 4 * ms},
		Groups: []Group{{Count: endpoints}}, Events: events,
	}
	s.defaults()
	return s
}

// TestFaults looks at what the picker hears of the requests that arrive while
// an endpoint is at fault from 2 s to 6 s, and at what counts.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		event  Event
		failed float64       // part of those in the fault
		heard  time.Duration // the latency of the first that arrived after 2.9 s
		counts float64       // the same latency in the result; 0: as heard
	}{
		{"none", Event{Kind: Slow, Factor: 1}, 0, 6 * ms, 0},
		{"slow", Event{Kind: Slow, Factor: 2}, 0, 10 * ms, 0},
		{"fixed", Event{Kind: Fixed, Latency: 100 * ms}, 0, 102 * ms, 0},
		{"fixed beyond the deadline", Event{Kind: Fixed, Latency: time.Second}, 1, 500 * ms, 0},
		{"stall", Event{Kind: Stall}, 1, 500 * ms, 0},
		{"crash", Event{Kind: Crash}, 1, 2 * ms, 0.5},
		{"lost", Event{Kind: Lost}, 1, 500 * ms, 0},
		{"errors", Event{Kind: Errors, Ratio: 1}, 1, 6 * ms, 0.5},
		{"some errors", Event{Kind: Errors, Ratio: 0.3}, 0.3, 6 * ms, 0},
		{"sink hole", Event{Kind: SinkHole}, 1, 2 * ms, 0.5},
		{"half a sink hole", Event{Kind: SinkHole, Ratio: 0.5}, 0.5, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.event.At, c.event.For, c.event.Select = 2*time.Second, 4*time.Second, Select{All: true}
			p := &listener{n: 1}
			var arrived []Finished
			res, err := Watch(t.Context(), steady(1, c.event), 1, listen(p), &Observer{Finished: func(f *Finished) { arrived = append(arrived, *f) }})
			if err != nil {
				t.Fatal(err)
			}
			failed, n, outside := 0, 0, 0
			for _, f := range arrived {
				bad := f.Status != 200
				switch {
				case f.Arrived >= 2*time.Second && f.Arrived < 5990*ms-500*ms:
					n++
					if bad {
						failed++
					}
				case f.Arrived < 1900*ms && bad, f.Arrived > 6500*ms && bad:
					outside++
				}
			}
			if got := float64(failed) / float64(n); math.Abs(got-c.failed) > 0.06 {
				t.Errorf("%v failed; want %v", got, c.failed)
			}
			if outside > 0 {
				t.Errorf("%d failed before or after", outside)
			}
			for _, o := range p.outcomes {
				if o.at-o.Latency > 2900*ms && c.heard > 0 {
					if (o.Latency - c.heard).Abs() > time.Microsecond {
						t.Errorf("the picker heard %v; want %v", o.Latency, c.heard)
					}
					break
				}
			}
			if c.counts > 0 {
				if slot := res.Slots[res0(3*time.Second)]; math.Abs(slot.Latency-c.counts) > 1e-9 {
					t.Errorf("counted as %v s; want %v", slot.Latency, c.counts)
				}
			}
			if len(p.outcomes) != p.picked {
				t.Errorf("picked %d, heard of %d", p.picked, len(p.outcomes))
			}
		})
	}
}

// res0 is the slot of a time of the steady scenario.
func res0(t time.Duration) int { return int(t * slotCount / (10 * time.Second)) }

// TestCrashLosesWhatIsThere: queued and running requests end with an error
// when the crash comes, not at the deadline.
func TestCrashLosesWhatIsThere(t *testing.T) {
	s := steady(1, Event{Kind: Stall, At: 2 * time.Second, For: 100 * ms, Select: Select{All: true}},
		Event{Kind: Crash, At: 2100 * ms, For: time.Second, Select: Select{All: true}})
	p := &listener{n: 1}
	runOne(t, s, 1, listen(p))
	lost := 0
	for _, o := range p.outcomes {
		if o.at == 2101*ms && o.Failed {
			lost++
		}
	}
	if lost < 9 || lost > 11 {
		t.Errorf("%d requests were lost in the crash; ten were there", lost)
	}
}

// TestSkipsTheExpired: an overloaded queue serves only those that still wait.
func TestSkipsTheExpired(t *testing.T) {
	for _, g := range []Group{{}, {Discipline: Sharing}} {
		s := queue(1, g, 2, Work{Distribution: Exponential}, 4000)
		s.Deadline = 20 * time.Second
		res := runOne(t, s, 1, named(t, "random"))
		served := float64(res.Requests-res.Failed) / (s.Duration - s.WarmUp).Seconds()
		// With fifo the turn comes shortly before the deadline, and about half of
		// what is served comes too late; with sharing the short ones get through.
		if least := map[string]float64{"": 0.4, Sharing: 0.9}[g.Discipline]; served < least || served > 1.1 {
			t.Errorf("%q: %v requests per second were served in time; the endpoint can do 1", g.Discipline, served)
		}
		if got := res.Latency.Quantile(1); got > 20.3 {
			t.Errorf("a latency of %v counts; the deadline is 20 s", got)
		}
	}
}

func TestRamps(t *testing.T) {
	f := &fault{Event: &Event{Kind: Leak, Lead: 100 * time.Second}, from: 0, fails: int64(100 * time.Second), to: int64(130 * time.Second), tickEvery: int64(time.Second)}
	at := func(s int) { f.at(int64(time.Duration(s)*time.Second), 100) }
	at(50)
	if f.memory != 350 || f.slower != 1 || f.down {
		t.Errorf("halfway %+v", *f)
	}
	at(90)
	if f.slower < 2 || f.down {
		t.Errorf("near the end %+v", *f)
	}
	at(100)
	if !f.down {
		t.Error("has not crashed at the end of its lead")
	}
	if next := f.at(int64(130*time.Second), 100); f.on || f.memory != 0 || next != never {
		t.Errorf("afterwards %+v", *f)
	}
	f.Event = &Event{Kind: Restart, Down: 10 * time.Second, Warm: 20 * time.Second, Factor: 5}
	f.to = int64(30 * time.Second)
	at(5)
	if !f.down {
		t.Error("is not down while it restarts")
	}
	if at(10); f.down || f.slower != 5 {
		t.Errorf("comes back %+v", *f)
	}
	if at(20); f.slower != 3 {
		t.Errorf("half warm %+v", *f)
	}
}

// TestRampsToTheBrink: each ramp gets worse up to its brink and no worse, breaks
// there, and a decoy does not.
func TestRampsToTheBrink(t *testing.T) {
	state := func(f *fault, s int) [4]float64 {
		f.at(int64(time.Duration(s)*time.Second), 100)
		down := 0.0
		if f.down {
			down = 1
		}
		return [4]float64{f.memory, f.slower, f.failing, down}
	}
	for _, c := range []struct {
		event               Event
		half, brink, broken [4]float64 // memory, slower, failing, down
	}{
		{Event{Kind: MemoryRamp, Brink: 5}, [4]float64{200, 1, 0, 0}, [4]float64{396, 1, 0, 0}, [4]float64{400, 1, 0, 1}},
		{Event{Kind: LatencyRamp, Brink: 2, Factor: 8}, [4]float64{0, 1.25, 0, 0}, [4]float64{0, 1.9801, 0, 0}, [4]float64{0, 8, 0, 0}},
		{Event{Kind: ErrorRamp, Brink: 0.04, Ratio: 0.5}, [4]float64{0, 1, 0.01, 0}, [4]float64{0, 1, 0.039204, 0}, [4]float64{0, 1, 0.5, 0}},
	} {
		c.event.Lead = 100 * time.Second
		f := &fault{Event: &c.event, fails: int64(c.event.Lead), to: int64(130 * time.Second), tickEvery: int64(time.Second)}
		for s, want := range map[int][4]float64{0: {0, 1, 0, 0}, 50: c.half, 99: c.brink, 100: c.broken, 129: c.broken, 130: {0, 1, 0, 0}} {
			got := state(f, s)
			for k := range got {
				if math.Abs(got[k]-want[k]) > 1e-9 {
					t.Errorf("%s after %d s: %v; want %v", c.event.Kind, s, got, want)
					break
				}
			}
		}
		if at, ok := f.breaks(); !ok || at != f.fails {
			t.Errorf("%s breaks at %v (%v)", c.event.Kind, at, ok)
		}
		f.decoy, f.to = true, int64(90*time.Second)
		if _, ok := f.breaks(); ok || f.name() != c.event.Kind+"_decoy" {
			t.Errorf("%s: a decoy breaks", f.name())
		}
		if got := state(f, 90); got != [4]float64{0, 1, 0, 0} {
			t.Errorf("%s: a decoy that has recovered is %v", c.event.Kind, got)
		}
	}
}

// TestRampsWantABrink: what cannot be reached is refused.
func TestRampsWantABrink(t *testing.T) {
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Event{Kind: MemoryRamp, Brink: 1, Lead: time.Second}, "brink"},
		{Event{Kind: MemoryRamp, Brink: 2}, "lead"},
		{Event{Kind: LatencyRamp, Brink: 2, Factor: 1.5, Lead: time.Second}, "factor"},
		{Event{Kind: ErrorRamp, Brink: 0, Ratio: 0.5, Lead: time.Second}, "brink"},
		{Event{Kind: ErrorRamp, Brink: 0.6, Ratio: 0.5, Lead: time.Second}, "ratio"},
		{Event{Kind: ErrorRamp, Brink: 0.1, Ratio: 0.5, Lead: time.Second, Recovers: 2}, "recovers"},
	} {
		c.event.Select = Select{All: true}
		if err := steady(1, c.event).Validate(); err == nil || !strings.Contains(err.Error(), "events.0."+c.want) {
			t.Errorf("%+v: %v; want one about %s", c.event, err, c.want)
		}
	}
}

// TestErrorsOfARamp: the requests of a ramp fail as often as it says.
func TestErrorsOfARamp(t *testing.T) {
	s := steady(1, Event{Kind: ErrorRamp, At: time.Second, Lead: 4 * time.Second, For: 4 * time.Second, Brink: 0.3, Ratio: 0.9, Select: Select{All: true}})
	before, after, failed := 0, 0, [2]int{}
	_, err := Watch(t.Context(), s, 1, listen(&listener{n: 1}), &Observer{Finished: func(f *Finished) {
		k := -1
		switch {
		case f.Arrived >= time.Second && f.Arrived < 5*time.Second-20*ms:
			k = 0
			before++
		case f.Arrived >= 5*time.Second && f.Arrived < 9*time.Second-20*ms:
			k = 1
			after++
		}
		if k >= 0 && f.Status == 500 {
			failed[k]++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := float64(failed[0])/float64(before), float64(failed[1])/float64(after); math.Abs(a-0.1) > 0.05 || math.Abs(b-0.9) > 0.05 {
		t.Errorf("%.2f fail before the brink and %.2f after it; want 0.1 and 0.9", a, b)
	}
}

// TestDecoys: of four failing endpoints two recover before they fail, for every
// seed, and are named so.
func TestDecoys(t *testing.T) {
	s := builtinScenario(t, "ramp-to-failure-leak")
	for seed := range uint64(5) {
		kinds, endpoints := map[string]int{}, map[int32]bool{}
		for _, f := range s.faults(stream(seed, faultStream)) {
			kinds[f.name()]++
			endpoints[f.endpoint] = true
			if f.decoy && f.to >= f.fails {
				t.Errorf("decoy recovers at %v, fails at %v", f.to, f.fails)
			}
		}
		if kinds["leak"] != 2 || kinds["leak_decoy"] != 2 || len(endpoints) != 4 {
			t.Errorf("seed %d: %v at %v", seed, kinds, endpoints)
		}
	}
}

// TestDrain: a picker that stops to send half a second into the fault, and
// begins again a second after it.
func TestDrain(t *testing.T) {
	s := steady(2, Event{Kind: Lost, At: 4 * time.Second, For: 2 * time.Second, Select: Select{Index: []int{1}}})
	for _, c := range []struct {
		avoidFrom, avoidTo   time.Duration
		drain, comes         time.Duration
		notDrained, notComes int
	}{
		{4500 * ms, 7 * time.Second, 800 * ms, 1200 * ms, 0, 0}, // bins of 400 ms
		{0, 0, 2 * time.Second, 0, 1, 0},
		{4 * time.Second, time.Hour, 0, 4 * time.Second, 0, 1},
	} {
		res := runOne(t, s, 1, listen(&avoiding{from: c.avoidFrom, to: c.avoidTo}))
		if len(res.Drain) != 1 || len(res.Return) != 1 {
			t.Fatalf("drain %v, return %v", res.Drain, res.Return)
		}
		if (res.Drain[0]-c.drain).Abs() > 400*ms || (res.Return[0]-c.comes).Abs() > 400*ms || res.NotDrained != c.notDrained || res.NotReturned != c.notComes {
			t.Errorf("avoided from %v to %v: drained after %v (%d never), returned after %v (%d never)", c.avoidFrom, c.avoidTo, res.Drain[0], res.NotDrained, res.Return[0], res.NotReturned)
		}
	}
}

type avoiding struct {
	next     int
	from, to time.Duration
}

func (p *avoiding) Pick(now time.Duration, _ *mesh.Request) int {
	if p.next = 1 - p.next; now >= p.from && now < p.to {
		return 0
	}
	return p.next
}
func (p *avoiding) Done(time.Duration, int, mesh.Outcome) {}
func (p *avoiding) Update(mesh.Weights)                   {}

// TestScrapes: what is counted, and that a crashed endpoint begins again.
func TestScrapes(t *testing.T) {
	s := steady(1, Event{Kind: Crash, At: 4 * time.Second, For: 2 * time.Second, Select: Select{All: true}})
	s.Metrics.Scrape = time.Second
	var seen []Counters
	_, err := Watch(t.Context(), s, 1, listen(&listener{n: 1}), &Observer{Scraped: func(_ time.Duration, _ int, c *Counters) { seen = append(seen, *c) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 10 {
		t.Fatalf("%d scrapes", len(seen))
	}
	early, down, late := seen[3], seen[5], seen[9]
	if !early.Up || early.Answers < 250 || early.Errors != 0 || math.Abs(early.LatencySum/early.Answers-0.004) > 1e-6 || math.Abs(early.BusySeconds-early.LatencySum) > 0.005 {
		t.Errorf("before the crash %+v", early)
	}
	if early.AtMost[0] != early.Answers || early.Workers != 1 || early.Memory < 256e6 {
		t.Errorf("before the crash %+v", early)
	}
	if down.Up || down.Errors < 50 || down.Good < early.Good || down.Answers != 0 {
		t.Errorf("in the crash %+v", down)
	}
	if !late.Up || late.Answers >= early.Answers+200 || late.Errors < 190 {
		t.Errorf("after the crash %+v", late)
	}
}
