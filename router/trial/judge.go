package trial

import (
	"fmt"
	"math"
	"time"
)

// judge fills a verdict in.
func (t *Trial) judge(now time.Time) Verdict {
	v := t.figures(now)
	switch step, reason := t.step(&v, now); {
	case step == RollBack:
		v.Step, v.Share, v.Reason = RollBack, 0, reason
	case step == Adopt:
		v.Step, v.Share, v.Reason = Adopt, 1, reason
	default:
		v.Reason, v.Share, v.Probation = reason, t.share(reason), t.stage.probation
	}
	v.Why = t.why(&v, now)
	return v
}

// step decides.
func (t *Trial) step(v *Verdict, now time.Time) (Step, Reason) {
	switch {
	case v.Evidence >= v.Needed:
		return RollBack, Worse
	case t.declines(v.Declined):
		return RollBack, Declines
	case v.Unseen > 0:
		return RollBack, Unseen
	case t.blind(now):
		return GoOn, Blind
	}
	least, waiting := t.cfg.Canary, Collecting
	if t.stage.probation {
		least, waiting = t.cfg.Probation, Watching
	}
	enough := t.enough()
	switch patient := t.stage.elapsed < least+t.cfg.Patience; {
	case t.stage.elapsed < least || !enough && patient:
		return GoOn, waiting
	case v.Evidence >= math.Sqrt(v.Needed) && patient:
		return GoOn, Suspected
	case t.stage.probation && enough:
		return Adopt, Passed
	case t.stage.probation || !enough:
		return Adopt, Unjudged
	}
	t.enter(true, now)
	return GoOn, Watching
}

// enough says whether as much has been seen at this share as it takes.
func (t *Trial) enough() bool {
	windows := 0
	for _, n := range t.stage.windows {
		windows = max(windows, n)
	}
	return windows >= t.cfg.Windows && t.stage.requests >= t.cfg.Requests
}

// declines says whether the tried line's model is silent in at least half of the
// services of the trial.
func (t *Trial) declines(services int) bool { return services > 0 && 2*services >= len(t.services) }

// share is what the tried line may have. Nobody watches while no windows come.
func (t *Trial) share(r Reason) float64 {
	if t.stage.probation && r != Blind {
		return 1 - t.cfg.HoldBack
	}
	return t.cfg.Share
}

// figures is a verdict without its step.
func (t *Trial) figures(now time.Time) Verdict {
	v := Verdict{Time: now, Probation: t.stage.probation, Needed: 1 / t.cfg.Alpha, All: t.all.comparison("", t.cfg.Alpha)}
	sum, worst := 0.0, (*watched)(nil)
	for name, s := range t.services {
		if s.declined >= declinedRow {
			v.Declined++
		}
		if s.unseen >= unseenRow {
			v.Unseen++
		}
		if s.evidence == nil {
			continue
		}
		v.Services++
		e := s.evidence.value()
		sum += e
		if worst == nil || e > worst.evidence.value() || e == worst.evidence.value() && name < v.Worst.Service {
			worst, v.Worst = s, s.evidence.comparison(name, t.cfg.Alpha)
		}
	}
	v.Evidence = v.All.Evidence
	if v.Services > 0 {
		v.Evidence = (v.All.Evidence + sum/float64(v.Services)) / 2
	}
	return v
}

func (t *Trial) why(v *Verdict, now time.Time) string {
	told := v.All
	if v.Worst.Evidence > told.Evidence {
		told = v.Worst
	}
	switch v.Reason {
	case Worse:
		return fmt.Sprintf("worse by more than %.0f %%: %v", 100*t.cfg.Margin, told)
	case Declines:
		return fmt.Sprintf("its model declines %d of %d services that the former's answers", v.Declined, len(t.services))
	case Unseen:
		return fmt.Sprintf("in %d services metrics tell nothing of where it sends most requests", v.Unseen)
	case Blind:
		return fmt.Sprintf("no metrics for %v: its share is %.0f %% until they are back, and its time stands still", now.Sub(t.newest).Round(time.Second), 100*v.Share)
	case Suspected:
		return fmt.Sprintf("may be worse, evidence %.3g of %.3g: %v", v.Evidence, v.Needed, told)
	case Passed:
		return fmt.Sprintf("not worse by more than %.0f %%: %v", 100*t.cfg.Margin, v.All)
	case Unjudged:
		return fmt.Sprintf("adopted after %v without enough requests to tell: %v", t.stage.elapsed.Round(time.Second), v.All)
	case Collecting:
		return fmt.Sprintf("tried by %.0f %% for %v so far: %v", 100*v.Share, t.stage.elapsed.Round(time.Second), v.All)
	}
	return fmt.Sprintf("in probation for %v so far: %v", t.stage.elapsed.Round(time.Second), v.All)
}
