package threat

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
)

// The signals, as labels of metrics too.
const (
	signalRate     = "rate"
	signalServices = "services"     // asked in a window
	signalEdges    = "new_services" // never asked before, in ten minutes
	signalDenied   = "denied"       // things, in ten minutes
	signalFailures = "failures"     // handshakes, in a minute
	signalOverride = "override"
	signalExpired  = "expired"
	signalFailure  = "failure" // of the judge
)

var signals = []string{signalRate, signalServices, signalEdges, signalDenied, signalFailures, signalOverride, signalExpired, signalFailure}

// Reading is one signal of a subject against what is usual.
type Reading struct {
	Signal   string  `json:"signal"`
	Value    float64 `json:"value"`
	Baseline float64 `json:"baseline"`        // what is usual of it
	Peak     float64 `json:"peak,omitempty"`  // of a rate: the highest until half an hour ago
	Peers    float64 `json:"peers"`           // what is usual of its peers; of a rate, by how much all have risen
	Limit    float64 `json:"limit,omitempty"` // above which it exceeds a limit
	Score    float64 `json:"score,omitempty"` // of a rate: surprise beyond chance
	Hour     float64 `json:"hour,omitempty"`  // what an hour brought, where that is the anomaly
	Anomaly  bool    `json:"anomaly"`
	Exceeds  bool    `json:"exceeds"`
}

func (r Reading) String() string {
	text := fmt.Sprintf("%s %.4g against %.4g usual, %.4g of its peers", r.Signal, r.Value, r.Baseline, r.Peers)
	if r.Hour > 0 {
		text += fmt.Sprintf(", %.4g in an hour", r.Hour)
	}
	if r.Limit > 0 {
		text += fmt.Sprintf(", limit %.4g", r.Limit)
	}
	return text
}

const (
	// window is the time between two judgements.
	window = 5 * time.Second
	// memory is how many windows a baseline remembers (an hour), and slow by how
	// much longer it takes to learn while the level is raised.
	memory, slow = 720, 10
	// warm is how many windows a baseline needs: five minutes.
	warm = 60
	// newcomer is for how many windows a subject is judged by its peers alone:
	// ten minutes.
	newcomer = span
	// fewPeers are not enough to compare with.
	fewPeers = 4
	// alarming is the surprise beyond chance from which a rate is anomalous,
	// as anomaly.Score.Value has it at 0.5.
	alarming = 1.08
	// times is how many times its baseline a rate is at least, when it is an
	// anomaly, and above how many times its peak.
	times, abovePeak = 2.5, 1.5
	// timesSlowly is how many times its baseline it is without surprise: a tracker
	// gets used to what rises slowly.
	timesSlowly = 3.5
	// lately is of how many windows a rate is the median: three minutes.
	lately = 36
	// far is the distance in scales from which a count is an anomaly.
	far = 8
	// least are the counts below which there is no anomaly: what a deployment
	// or a slip brings.
	leastServices, leastEdges, leastDenied, leastFailures = 8, 8, 5, 30
	// leastNewcomer is of services of a newcomer.
	leastNewcomer = 16
	// leastHour is of new services in an hour, of one that is known for longer.
	leastHour = 16
	// manyFailures of strangers in a minute are beyond a limit.
	manyFailures = 300
)

// peers is what is usual of all that called in this window.
type peers struct {
	many   int
	rise   float64 // of rate over baseline, at least 1
	edges  float64 // median of new services in ten minutes
	hour   float64 // in an hour
	denied float64
	asked  float64 // median of services asked
	known  float64 // services that 9 of 10 know no more than
}

// counts are what a subject did in a window.
type counts struct {
	admitted, attempted float64 // messages/s
	asked               float64
	exceeded            Limit
}

// compare finds what is usual of peers.
func compare(all []*Subject, did []counts) peers {
	var rises, edges, hour, denied, asked, known []float64
	out := peers{rise: 1}
	for i, s := range all {
		if did[i].attempted == 0 {
			continue
		}
		out.many++
		if s.windows >= warm && s.base.Mean > 0 {
			rises = append(rises, did[i].attempted/s.base.Mean)
		}
		edges, hour, denied = append(edges, float64(s.services.sum)), append(hour, float64(s.hour.sum)), append(denied, float64(s.things.sum))
		asked, known = append(asked, did[i].asked), append(known, float64(s.known))
	}
	if len(rises) >= fewPeers {
		out.rise = risen(rises)
	}
	if out.many >= fewPeers {
		out.edges, out.hour, out.denied = quantile(edges, 0.5), quantile(hour, 0.5), quantile(denied, 0.5)
		out.asked, out.known = quantile(asked, 0.5), quantile(known, 0.9)
	}
	return out
}

// surge is from how many times its baseline on a rise of half of the peers is one
// of the mesh.
const surge = 1.5

// risen is by what all have risen: the median, and in a surge, which does not
// come to all at the same time or in the same measure, what one of four exceeds.
func risen(rises []float64) float64 {
	if half := quantile(rises, 0.5); half < surge {
		return max(1, half)
	}
	return quantile(rises, 0.75)
}

// quantile sorts x. Of two in the middle it takes the lower: half of the peers
// are not most.
func quantile(x []float64, q float64) float64 {
	slices.Sort(x)
	return x[int(q*float64(len(x)-1))]
}

// read judges a subject's window, and appends to its readings.
func (j *Judge) read(s *Subject, did counts, p *peers) []Reading {
	out := s.readings[:0]
	if s == j.strangers.subject {
		return append(out, j.failures(s, did))
	}
	out = append(out, j.readRate(s, did, p), j.readServices(s, did, p), j.readEdges(s, p), j.readDenied(s, p))
	if failures := j.failures(s, did); failures.Value > 0 {
		out = append(out, failures)
	}
	return out
}

// readRate judges the median of three minutes, so that a burst of half of that,
// such as of who was away and catches up, is none; the limit bounds what is sent
// meanwhile. It matters from half the limit on, which is what a medium threat may
// send: below it nothing would change. Beyond, it is an anomaly when it is
// surprising by its own past, several times its baseline and clearly above its peak
// of half an hour ago, as it was and in proportion to the baseline, after what all
// peers have risen by is taken off. A newcomer has no past, and what it sends may be
// what it is there for.
func (j *Judge) readRate(s *Subject, did counts, p *peers) Reading {
	rate := median(&s.attempts)
	r := Reading{Signal: signalRate, Value: rate, Baseline: s.base.Mean, Peak: s.peak.is, Peers: p.rise, Limit: j.limit, Score: s.excess, Exceeds: did.exceeded != 0}
	usual := max(times*s.base.Mean, abovePeak*s.peak.is, s.burst.is*s.base.Mean)
	r.Anomaly = s.windows >= warm && rate > j.limit/2 && rate > p.rise*usual && (s.excess > alarming || rate > p.rise*timesSlowly*s.base.Mean)
	return r
}

// median of three minutes.
func median(of *[lately]float64) float64 {
	sorted := *of
	return quantile(sorted[:], 0.5)
}

func (j *Judge) readServices(s *Subject, did counts, p *peers) Reading {
	r := Reading{Signal: signalServices, Value: did.asked, Baseline: s.breadth.Mean, Peers: p.asked}
	if s.windows < newcomer {
		r.Anomaly = j.knows() && did.asked > max(leastNewcomer, 2*p.known)
		return r
	}
	r.Anomaly = did.asked-p.asked > leastServices && s.breadth.Distance(did.asked, max(1, s.breadth.Mean/4)) > far
	return r
}

// knows tells whether the judge itself has seen enough to tell a newcomer: to one
// that has just begun everybody is, and a gateway asks about many services.
func (j *Judge) knows() bool { return j.window >= newcomer }

func (j *Judge) readEdges(s *Subject, p *peers) Reading {
	n := float64(s.services.sum)
	r := Reading{Signal: signalEdges, Value: n, Baseline: s.edges.Mean, Peers: p.edges, Limit: float64(j.settings.NewServices)}
	r.Exceeds = n > r.Limit
	if s.windows < newcomer {
		r.Peers = p.known
		r.Anomaly = j.knows() && n > max(leastNewcomer, 2*p.known)
		return r
	}
	r.Anomaly = n-p.edges > leastEdges && s.edges.Distance(n, 1) > far
	if n := float64(s.hour.sum); !r.Anomaly && s.windows >= span+memory && n-p.hour > leastHour && s.hourly.Distance(n, 2) > far/2 {
		r.Anomaly, r.Hour = true, n
	}
	return r
}

func (j *Judge) readDenied(s *Subject, p *peers) Reading {
	n := float64(s.things.sum)
	r := Reading{Signal: signalDenied, Value: n, Peers: p.denied, Limit: float64(j.settings.Denied)}
	r.Exceeds, r.Anomaly = n > r.Limit, n-p.denied > leastDenied
	return r
}

func (j *Judge) failures(s *Subject, did counts) Reading {
	n := s.failed.last(j.window, int(time.Minute/window))
	r := Reading{Signal: signalFailures, Value: n, Baseline: s.faults.Mean}
	distance := s.faults.Distance(n, 5)
	r.Anomaly = n > leastFailures && !(distance <= far) // NaN: there is no past
	if s == j.strangers.subject {
		r.Limit = manyFailures
		r.Exceeds = n > manyFailures || did.exceeded != 0
	}
	return r
}

// learn makes the window part of the subject's past: only what was let pass, at
// a tenth of the pace while the level is raised, and nothing while it is high. A
// peak that all peers had is none.
func (s *Subject) learn(did counts, rise, failed float64) {
	remember := float64(memory)
	switch {
	case s.level == High:
		return
	case s.level == Medium:
		remember *= slow
	}
	s.base.Learn(did.admitted, 0.01, remember)
	s.learnPeak(median(&s.passed) / rise)
	s.edges.Learn(float64(s.services.sum), 1, remember)
	if s.windows >= span+memory {
		s.hourly.Learn(float64(s.hour.sum), 2, 4*remember)
	}
	s.breadth.Learn(did.asked, 1, remember)
	s.faults.Learn(failed, 5, remember)
}

// learnPeak makes a rate part of the peaks: as it is, and in proportion to the
// baseline, which outlasts that all grow.
func (s *Subject) learnPeak(rate float64) {
	if s.level > Low {
		s.peak.forget()
		s.burst.forget()
		return
	}
	s.peak.push(s.windows, rate)
	if s.windows >= warm && s.base.Mean > 0 {
		s.burst.push(s.windows, rate/s.base.Mean)
	}
}

// surprise pushes a rate to the tracker. While the level is raised, the tracker
// stays as it was, but for one window in ten.
func (s *Subject) surprise(at time.Time) {
	if s.rate == nil {
		s.rate = anomaly.New(1, anomaly.DefaultConfig())
		if s.frozen != nil { // before a restart
			s.thaw()
		}
	}
	seconds := float64(at.UnixNano()) / 1e9
	value := [1]float64{median(&s.attempts)}
	if s.level == Low {
		s.frozen = nil
		s.smooth(s.rate.Push(nil, seconds, value[:]))
		return
	}
	if s.frozen == nil {
		s.frozen, _ = s.rate.MarshalBinary() // fails for no tracker of one metric
	}
	s.smooth(s.rate.Push(nil, seconds, value[:]))
	if s.level == Medium && s.windows%slow == 0 {
		s.thaw()
		value[0] = median(&s.passed)
		s.rate.Push(nil, seconds, value[:])
		s.frozen, _ = s.rate.MarshalBinary()
		return
	}
	s.thaw()
}

func (s *Subject) thaw() {
	if s.rate.UnmarshalBinary(s.frozen) != nil || s.rate.Len() != 1 {
		s.rate = anomaly.New(1, anomaly.DefaultConfig())
	}
}

// smooth is what anomaly.Tracker does to its own score, here so that it does
// not stop where the tracker is kept from learning.
func (s *Subject) smooth(score anomaly.Score) { s.excess += (score.Pooled - s.excess) / 2 }
