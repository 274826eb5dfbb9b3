package train

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// WriteText writes the report for people to read.
func (r *Report) WriteText(w io.Writer) error {
	t := &text{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.line("network %s, seed %d", r.Network, r.Seed)
	t.parts(r.Parts)
	t.services(r.Services)
	t.list("constant columns", r.Constant)
	t.list("absent columns", r.Absent)
	if r.Search != nil {
		t.search(r.Search)
	}
	if r.Routing != nil {
		t.routing(r.Routing)
	}
	if r.Failure != nil {
		t.failure(r.Failure)
	}
	if len(r.Notes) > 0 {
		t.line("")
		t.line("notes")
		for _, note := range r.Notes {
			t.line("  %s", note)
		}
	}
	if t.err != nil {
		return t.err
	}
	return t.w.Flush()
}

// text keeps the first error of many lines.
type text struct {
	w   *tabwriter.Writer
	err error
}

// line writes one line; cells of a table are parted by tabs.
func (t *text) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *text) list(name string, items []string) {
	if len(items) > 0 {
		t.line("%s: %s", name, strings.Join(items, ", "))
	}
}

func (t *text) parts(parts []Part) {
	at := func(x time.Time) string { return x.UTC().Format("2006-01-02 15:04:05") }
	for _, p := range parts {
		t.line("")
		t.line("%s\tfrom\tto\tdecisions", p.Recording)
		if p.Whole != datasets.None {
			t.line("  %v\t%s\t%s\t%d", p.Whole, at(p.Start), at(p.End), p.Train+p.Validation+p.Test)
			continue
		}
		t.line("  train\t%s\t%s\t%d", at(p.Start), at(p.TrainEnd), p.Train)
		t.line("  validation\t%s\t%s\t%d", at(p.ValidationStart), at(p.ValidationEnd), p.Validation)
		t.line("  test\t%s\t%s\t%d", at(p.TestStart), at(p.End), p.Test)
	}
}

func (t *text) services(services []Service) {
	t.line("")
	t.line("service\tendpoints\tdecisions\tshares varied")
	for _, s := range services {
		t.line("  %s\t%d\t%d\t%s", s.Name, s.Endpoints, s.Decisions, percent(float64(s.Variation)))
	}
}

func (t *text) routing(r *RoutingReport) {
	t.line("")
	t.line("routing: %d inputs, %d rows to learn from, %d to choose by", len(r.Inputs), r.Rows[0], r.Rows[1])
	kept := fmt.Sprintf("the network of epoch %d is kept", r.Course.Best)
	if !r.Kept {
		kept = "the untrained network is kept"
	}
	t.course("routing loss", &r.Course)
	t.line("  %s", kept)
	if len(r.Members) > 0 {
		who := "the first answers alone"
		if float64(r.Together) < r.Course.least() {
			who = "the mean of all answers"
		}
		t.line("  an ensemble of %d: validation loss of the first %s, of the mean %s: %s", 1+len(r.Members), number(r.Course.least()), number(float64(r.Together)), who)
	}
	for i, m := range r.Members {
		t.line("  member %d: epoch %d of %d is kept, validation loss %s", i+2, m.Best, m.Epochs, number(float64(m.Validation)))
	}
	t.judgement("validation", &r.Validation)
	t.judgement("test", &r.Test)
	t.coverage("validation", r.ValidationCoverage)
	t.coverage("test", r.TestCoverage)
}

// WriteText writes the curves for people to read; what names the decisions.
func (c *Coverage) WriteText(w io.Writer, what string) error {
	t := &text{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.coverage(what, c)
	if t.err != nil {
		return t.err
	}
	return t.w.Flush()
}

// coverage writes what is answered at which risk.
func (t *text) coverage(part string, c *Coverage) {
	if c == nil {
		return
	}
	head := ""
	shown := []float64{0.25, 0.5, 0.75, 0.9, 1}
	for _, x := range shown {
		head += fmt.Sprintf("\t%g %%", 100*x)
	}
	t.line("")
	t.line("  %s: risk of the part answered%s\tarea", part, head)
	for _, curve := range c.Curves {
		cells := ""
		for _, x := range shown {
			cells += "\t" + number(float64(curve.at(x)))
		}
		t.line("  by %s%s\t%s", curve.Name, cells, number(float64(curve.Area)))
	}
	t.line("  (risk: mean |ln(predicted cost ÷ cost)|; least doubt first; its area is smaller than without order by %s, 90 %% interval %s)", number(float64(c.Gain)), between(c.Low, c.High, func(x Number) string { return number(float64(x)) }))
	t.line("  gate\tdecisions\trisk\tpersistence's\tsaved a request")
	for _, s := range []struct {
		name string
		Selected
	}{{"answered", c.Answered}, {"declined", c.Declined}} {
		t.line("  %s\t%d\t%s\t%s\t%s", s.name, s.Decisions, number(float64(s.Risk)), number(float64(s.Persistence)), seconds(s.Saved))
	}
}

// course writes some epochs of a training, the first, the best and the last
// among them.
func (t *text) course(name string, c *Course) {
	t.line("  %s\ttrain\tvalidation", name)
	last := len(c.Epochs) - 1
	for i, e := range c.Epochs {
		if i == 0 || i == last || i == c.Best || i%max(1, last/5) == 0 {
			mark := ""
			if i == c.Best {
				mark = "  best"
			}
			t.line("  epoch %d\t%s\t%s%s", e.Epoch, number(float64(e.Loss)), number(float64(e.Validation)), mark)
		}
	}
	t.line("  stopped: %s", c.Stop)
}

func (t *text) judgement(part string, j *Judgement) {
	t.line("")
	t.ways(part, j)
	if j.Errors != nil {
		t.errors(part, j.Errors)
	}
}

func (t *text) ways(part string, j *Judgement) {
	if j.Decisions == 0 {
		t.line("  %s: no decision has two endpoints whose outcome is known", part)
		return
	}
	t.line("  %s, %d decisions\tcost of a request\tthe network's is lower by\t90 %% interval", part, j.Decisions)
	for w, way := range j.Ways {
		if w == byNetwork {
			t.line("  %s\t%s\t-\t-", way.Name, seconds(way.Cost))
			continue
		}
		t.line("  %s\t%s\t%s\t%s", way.Name, seconds(way.Cost), seconds(way.Gain), between(way.Low, way.High, seconds))
	}
	t.line("  (at the loads that the endpoints had: what a choice itself would have added is not in it; ~ is no difference)")
}

func (t *text) failure(r *FailureReport) {
	t.line("")
	t.line("failures\ttrain\tvalidation\ttest")
	t.line("  onsets\t%d\t%d\t%d", r.Onsets[0], r.Onsets[1], r.Onsets[2])
	t.line("  decisions about working endpoints\t%d\t%d\t%d", r.Rows[0], r.Rows[1], r.Rows[2])
	t.line("  of these, a failure follows\t%d\t%d\t%d", r.Before[0], r.Before[1], r.Before[2])
	for _, l := range r.Limits {
		from := "from the training part"
		if l.Configured {
			from = "as configured"
		}
		t.line("  %s fails beyond a tail latency of %s (%s) or an error ratio of %s", l.Service, seconds(l.Latency), from, percent(float64(l.ErrorRatio)))
	}
	if !r.Shipped {
		return
	}
	t.course("network", &r.Courses.Network)
	t.course("logistic", &r.Courses.Logistic)
	t.line("  shipped: %s, the better in validation; calibrated: %v", r.Courses.Shipped, r.Calibrated)
	t.line("  test: calibration error from 5 %% on %s, failures within the 80 %% interval of the time %s", number(float64(r.ECE)), percent(float64(r.Covered)))
	t.line("  the other in test: skill %s, AUROC %s, calibration error %s", number(float64(r.Other.Skill)), number(float64(r.Other.AUROC)), number(float64(r.Other.ECE)))
	t.line("  test: Brier %s, always saying the base rate (%s) %s, skill %s, AUROC %s, %d onsets",
		number(float64(r.Brier)), percent(float64(r.BaseRate)), number(float64(r.BrierBase)), number(float64(r.Skill)), number(float64(r.AUROC)), r.Onsets[2])
}

func number(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.4g", x)
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.2g %%", 100*x)
}

// between writes an interval of a difference. One that is not known, for too few
// blocks, is no sign that there is no difference.
func between(low, high Number, text func(Number) string) string {
	if math.IsNaN(float64(low)) {
		return "not known"
	}
	both := fmt.Sprintf("%s to %s", text(low), text(high))
	if (&Interval{Low90: low, High90: high}).Sure() {
		return both
	}
	return both + " ~"
}

// seconds writes a time in milliseconds, or in seconds from one on.
func seconds(s Number) string {
	switch x := float64(s); {
	case math.IsNaN(x):
		return "-"
	case math.Abs(x) >= 0.9995:
		return fmt.Sprintf("%.3g s", x)
	default:
		return fmt.Sprintf("%.3g ms", 1000*x)
	}
}
