package finding

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Answer is what a verdict says.
type Answer string

const (
	Promote      Answer = "promote"
	DoNotPromote Answer = "do not promote"
	CannotTell   Answer = "cannot tell"
)

// Margins say how much worse than the reference still counts as no worse.
type Margins struct {
	// Latency is a part of the reference's mean and p99.
	Latency float64 `json:"latency"`
	// Failures is a ratio of requests; where Latency times the reference's ratio
	// of failures is more, that counts.
	Failures float64 `json:"failures"`
}

// DefaultMargins are 3 % of a latency, and one request in ten thousand.
func DefaultMargins() Margins { return Margins{Latency: 0.03, Failures: 1e-4} }

// Validate reports everything that is out of range.
func (m Margins) Validate() error {
	var errs []error
	if !(m.Latency >= 0 && m.Latency < 1) {
		errs = append(errs, fmt.Errorf("margin of latency is %v; want 0 or more, below 1, such as 0.03", m.Latency))
	}
	if !(m.Failures >= 0 && m.Failures < 1) {
		errs = append(errs, fmt.Errorf("margin of failures is %v; want 0 or more, below 1, such as 0.0001", m.Failures))
	}
	return errors.Join(errs...)
}

// Kind tells what a fact is about, and so what it means for the verdict.
type Kind int

const (
	Other    Kind = iota // is listed where it is lost, and decides nothing
	Latency              // mean or p99 in seconds; decides
	Failures             // ratio of requests; decides
)

// Fact is one figure of the candidate against the reference's. Less is better.
type Fact struct {
	Metric   string
	Kind     Kind
	Estimate Estimate // with its Change
}

// Place is where both were tried: a scenario, or a service of a recording.
type Place struct {
	Name  string
	Facts []Fact
	// Doubts are reasons why nothing here can be held for or against anyone.
	Doubts []string
	// Remarks are said among the reasons, whatever the answer, and decide nothing.
	Remarks []string
}

// Loss is a figure in which the candidate is significantly worse.
type Loss struct {
	Where     string `json:"where"`
	Metric    string `json:"metric"`
	Value     Number `json:"value"`
	Reference Number `json:"reference"`
	Change    Change `json:"change"`
}

// Verdict is what follows from the places for one candidate.
type Verdict struct {
	Candidate string   `json:"candidate"`
	Reference string   `json:"reference"`
	Answer    Answer   `json:"verdict"`
	Rule      string   `json:"rule"` // that gave the answer
	Because   []string `json:"because,omitempty"`
	// Loses is everything that the candidate does worse, whatever the answer.
	Loses   []Loss  `json:"loses,omitempty"`
	Margins Margins `json:"margins"`
}

// Judge applies the first of these rules that holds:
//
//  1. do not promote: somewhere, without a doubt about that place, a latency is
//     significantly worse by more than its margin, or more requests fail,
//     significantly and by more than theirs.
//  2. cannot tell: there is no place, or a doubt about one.
//  3. cannot tell: a figure is unknown, or its interval reaches beyond the margin.
//  4. promote: a latency is significantly better somewhere.
//  5. cannot tell: no figure is worse, and no latency better.
//
// Latencies are the mean (or the cost) and the p99, of every place. A place that
// has nothing but remarks does not count.
func Judge(candidate, reference string, places []Place, m Margins) Verdict {
	v := Verdict{Candidate: candidate, Reference: reference, Margins: m}
	var worse, doubts, open, better, remarks []string
	told := 0
	for _, p := range places {
		for _, r := range p.Remarks {
			remarks = append(remarks, p.Name+": "+r)
		}
		if len(p.Facts) > 0 || len(p.Doubts) > 0 || len(p.Remarks) == 0 {
			told++
		}
		for _, d := range p.Doubts {
			doubts = append(doubts, p.Name+": "+d)
		}
		for i := range p.Facts {
			f := &p.Facts[i]
			if f.lost() {
				v.Loses = append(v.Loses, Loss{p.Name, f.Metric, f.Estimate.Value, Number(f.Estimate.reference()), *f.Estimate.Change})
			}
			switch text := p.Name + ": " + f.text(); f.stands(m) {
			case beyond:
				if len(p.Doubts) == 0 {
					worse = append(worse, text)
				}
			case unclear:
				open = append(open, text)
			case ahead:
				better = append(better, text)
			}
		}
	}
	margin := fmt.Sprintf("the margin (%g %% of a latency; of the requests %g %% or, if more, %g %% of the reference's failures)", 100*m.Latency, 100*m.Failures, 100*m.Latency)
	switch {
	case len(worse) > 0:
		v.Answer, v.Because = DoNotPromote, worse
		v.Rule = "somewhere the mean or p99 latency is significantly worse, or more requests fail, by more than " + margin
	case told == 0:
		v.Answer, v.Rule = CannotTell, "there is nothing that both were tried on"
	case len(doubts) > 0:
		v.Answer, v.Because = CannotTell, doubts
		v.Rule = "what was seen is too little, or too far from what the candidate would do"
	case len(open) > 0:
		v.Answer, v.Because = CannotTell, open
		v.Rule = "nothing is significantly worse, but some intervals are unknown or reach beyond " + margin
	case len(better) > 0:
		v.Answer, v.Because = Promote, better
		v.Rule = "nowhere are mean, p99 or failures worse by more than " + margin + ", and somewhere the mean or p99 is significantly better"
	default:
		v.Answer = CannotTell
		v.Rule = "no figure is worse by more than " + margin + ", but neither is mean or p99 significantly better anywhere: there is nothing to gain that could be seen"
	}
	v.Because = append(v.Because, remarks...)
	return v
}

// JudgeAll gives a verdict over every candidate.
func JudgeAll(candidates []string, reference string, places func(candidate string) []Place, m Margins) []Verdict {
	var out []Verdict
	for _, c := range candidates {
		if c != reference && !slices.ContainsFunc(out, func(v Verdict) bool { return v.Candidate == c }) {
			out = append(out, Judge(c, reference, places(c), m))
		}
	}
	return out
}

// standing is what a fact says about the candidate.
type standing int

const (
	level   standing = iota // no worse than the margin
	ahead                   // and significantly better
	beyond                  // significantly worse, and beyond the margin
	unclear                 // none of these can be said
)

func (f *Fact) lost() bool {
	c := f.Estimate.Change
	return c != nil && c.Significant && c.Value > 0
}

func (f *Fact) stands(m Margins) standing {
	if f.Kind == Other {
		return level
	}
	if f.Estimate.Change == nil {
		return unclear
	}
	value, high, margin := f.against(m)
	switch {
	case f.Estimate.Change.Significant && value > margin:
		return beyond
	case !(high <= margin): // unknown too
		return unclear
	case f.Kind == Latency && f.Estimate.Change.Significant && value < 0:
		return ahead
	}
	return level
}

// against is the change, the upper end of its interval and the margin, in the
// same unit.
func (f *Fact) against(m Margins) (value, high, margin float64) {
	if f.Kind == Latency {
		value, _, high = f.Estimate.relative()
		return value, high, m.Latency
	}
	c := f.Estimate.Change
	return float64(c.Value), float64(c.High), max(m.Failures, m.Latency*f.Estimate.reference())
}

// text is the change in words.
func (f *Fact) text() string {
	e := &f.Estimate
	if e.Change == nil {
		return f.Metric + " unknown"
	}
	if f.Kind == Failures {
		c := e.Change
		return fmt.Sprintf("%s %s points [%s, %s]", f.Metric, signed(100*float64(c.Value), "%+.3g"), signed(100*float64(c.Low), "%+.3g"), signed(100*float64(c.High), "%+.3g"))
	}
	return f.Metric + " " + e.relativeText()
}

// relativeText is a change relative to the reference, with its interval.
func (e *Estimate) relativeText() string {
	value, low, high := e.relative()
	if e.Change.Relative && value >= 1 {
		return fmt.Sprintf("×%.3g [%s, %s]", 1+value, signed(1+low, "%.3g"), signed(1+high, "%.3g"))
	}
	return fmt.Sprintf("%s %% [%s, %s]", signed(100*value, "%+.1f"), signed(100*low, "%+.1f"), signed(100*high, "%+.1f"))
}

func signed(x float64, format string) string {
	if math.IsNaN(x) {
		return "?"
	}
	return fmt.Sprintf(format, x)
}
