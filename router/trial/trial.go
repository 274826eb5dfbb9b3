package trial

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Trial is that of one change. Tell it what each line gives (InForce) and what the
// endpoints did (Observe), and ask it after each round of windows, and at least
// every 30 s, what to do (Judge). It serves one goroutine.
type Trial struct {
	cfg      Config
	margin   float64 // of the difference
	services map[string]*watched
	all      *evidence
	round    round

	newest   time.Time // when a window came last
	judged   time.Time
	stage    stage
	verdict  Verdict
	finished bool
}

// watched is a service.
type watched struct {
	course   course
	pending  *seen
	end      time.Time // of the last window that was compared
	evidence *evidence
	excuses  float64 // windows that may still be excused
	declined int     // decisions in a row that only the tried line's model declined
	unseen   int     // windows in a row that do not tell what most requests of the tried line meet
}

// stage is what was seen at the present share.
type stage struct {
	probation bool
	elapsed   time.Duration // without the time in which nothing was seen
	began     time.Time
	windows   map[string]int
	requests  float64
}

// New begins a trial. cfg is valid.
func New(cfg Config, now time.Time) *Trial {
	t := &Trial{cfg: cfg, margin: cfg.Margin / (2 + cfg.Margin), services: map[string]*watched{}, newest: now, judged: now}
	t.all = newEvidence()
	t.enter(false, now)
	t.verdict.Share = cfg.Share
	return t
}

func (t *Trial) enter(probation bool, now time.Time) {
	t.stage = stage{probation: probation, began: now, windows: map[string]int{}}
	t.all.begin()
	for _, s := range t.services {
		if s.evidence != nil {
			s.evidence.begin()
		}
	}
}

func (t *Trial) service(name string) *watched {
	s := t.services[name]
	if s == nil {
		s = &watched{}
		t.services[name] = s
	}
	return s
}

// InForce says what each line gives to the endpoints of a service from now on:
// their weights over all routes, whatever the share. endpoints, former and tried go
// together; they are copied.
func (t *Trial) InForce(now time.Time, service string, endpoints []mesh.Endpoint, former, tried mesh.Weights) {
	t.service(service).course.add(now, endpoints, former, tried)
}

// unseenRow is how many windows in a row may tell nothing of where the tried line
// sends its requests: an endpoint that is new shows in the metrics after one or two.
const unseenRow = 4

// declinedRow is how many decisions in a row the tried line's model may decline
// that the former's does not.
const declinedRow = 4

// Answered says whose model has answered a decision on a service. A line that a rule
// keeps from asking its model has answered.
func (t *Trial) Answered(service string, former, tried bool) {
	switch s := t.service(service); {
	case tried:
		s.declined = 0
	case former:
		s.declined++
	}
}

// Observe takes a window of a service. It is copied.
func (t *Trial) Observe(w *mesh.Window) {
	if w.Time.After(t.newest) {
		t.newest = w.Time
	}
	s := t.service(w.Service)
	t.weigh(s) // if nobody asked since its last window
	s.pending = look(w, t.cfg.objective(w.Service))
	if w.Time.After(t.round.time) {
		t.pool()
		t.round.time = w.Time
	}
}

// weigh compares the lines in a service's window, once what was decided after it is
// known as well.
func (t *Trial) weigh(s *watched) {
	w := s.pending
	s.pending = nil
	if w == nil || !w.end.After(s.end) {
		return
	}
	lines, known := s.course.mean(w.start, w.end)
	if known < leastCovered {
		return
	}
	c, ok := compare(w, lines)
	if !ok {
		if w.unseen(lines, t.verdict.Share) {
			s.unseen++
		}
		return
	}
	s.unseen = 0
	if s.evidence == nil {
		s.evidence = newEvidence()
		s.evidence.begin()
		s.excuses = excusesMost
	}
	later, ok := compare(w, s.course.last())
	counts := s.counts(c.difference > t.margin && ok && later.difference <= t.margin)
	fresh := min(w.fresh(s.end), known)
	s.end = w.end
	s.evidence.add(c, fresh, t.margin, t.most(), counts)
	t.round.add(c, fresh, counts)
	if w.start.Add(w.end.Sub(w.start) / 2).After(t.stage.began) {
		t.stage.windows[w.service]++
		t.stage.requests += fresh * c.requests
	}
}

// counts is the part that a window counts for, given whether both lines have turned
// away from what hurt in it.
func (s *watched) counts(hasTurned bool) float64 {
	s.excuses = min(s.excuses+excusedPart, excusesMost)
	if !hasTurned || s.excuses < 1 {
		return 1
	}
	s.excuses--
	return turned
}

// fresh is the part of the window that begins after another's end.
func (w *seen) fresh(end time.Time) float64 {
	return min(float64(w.end.Sub(end))/float64(w.end.Sub(w.start)), 1)
}

// most is the logarithm of what a window may multiply evidence by: a third of what
// a service alone needs, by a single effect, to have the trial rolled back.
func (t *Trial) most() float64 {
	share := firstMass / float64(2*len(effects)*max(t.compared(), 1))
	return math.Log(1/(t.cfg.Alpha*share)) / 3
}

// compared is how many services are.
func (t *Trial) compared() int {
	n := 0
	for _, s := range t.services {
		if s.evidence != nil {
			n++
		}
	}
	return n
}

// pool takes the round into account, all services as one.
func (t *Trial) pool() {
	if c, ok := t.round.pooled(); ok {
		n := float64(t.round.services)
		t.all.add(c, t.round.fresh/n, t.margin, t.most(), t.round.counts/n)
	}
	t.round = round{time: t.round.time}
}

// Judge says what to do now. It compares what has been observed since it was asked
// last, so tell it what was decided upon that first.
func (t *Trial) Judge(now time.Time) Verdict {
	if t.finished {
		return t.verdict
	}
	for _, name := range slices.Sorted(maps.Keys(t.services)) {
		t.weigh(t.services[name])
	}
	if t.round.services == t.compared() {
		t.pool()
	}
	t.pass(now)
	t.verdict = t.judge(now)
	t.finished = t.verdict.Step != GoOn
	return t.verdict
}

// pass lets time pass, if there was something to see.
func (t *Trial) pass(now time.Time) {
	if d := now.Sub(t.judged); d > 0 && !t.blind(now) {
		t.stage.elapsed += min(d, t.cfg.Blind)
	}
	t.judged = now
}

func (t *Trial) blind(now time.Time) bool { return now.Sub(t.newest) > t.cfg.Blind }
