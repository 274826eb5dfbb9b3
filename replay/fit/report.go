package fit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// Report shows how well a mesh was fitted.
type Report struct {
	Classes   []Class
	All       Comparison
	Endpoints []Comparison // in the order of Fit.Endpoints
	// Verdict is "fits" or "cannot tell", and Why what is beyond the limits.
	Verdict string
	Why     []string
}

// The verdicts.
const (
	Fits       = "fits"
	CannotTell = "cannot tell"
)

// Class is the work of a class of requests. Distance is the greatest difference
// between the distribution and that of the sample: 0 the same, 1 nothing alike.
type Class struct {
	Name         string
	Share        float64
	Mean         time.Duration
	Distribution string
	Shape        float64
	Distance     float64
}

// Comparison is what was recorded beside what the fitted mesh did.
type Comparison struct{ Recorded, Fitted Measured }

// show runs the fitted mesh under the recorded shares, records it, and compares
// the two recordings by the same measure.
func (f *Fit) show(ctx context.Context, r *datasets.Recording, h *history, cfg Config) (err error) {
	folder, err := os.MkdirTemp("", "fairway-fit-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	dir := filepath.Join(folder, "fitted")
	if err := sim.Record(ctx, f.Scenario, cfg.Seed, f.behaviour.strategy(), dir); err != nil {
		return fmt.Errorf("fit: run the fitted mesh: %w", err)
	}
	fitted, err := datasets.Open(ctx, dir, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fitted.Close()) }()
	cfg.Service, cfg.Window = sim.Service, h.window
	there, err := look(ctx, fitted, cfg)
	if err != nil {
		return fmt.Errorf("fit: look at the fitted mesh: %w", err)
	}
	recordedLog, err := readLog(r, h)
	if err != nil {
		return err
	}
	fittedLog := &requestLog{}
	if r.HasRequests() {
		if fittedLog, err = readLog(fitted, there); err != nil {
			return err
		}
	}
	f.compare(h, recordedLog, there, fittedLog, cfg.Limits)
	return nil
}

func (f *Fit) compare(h *history, l *requestLog, there *history, thereLog *requestLog, limits Limits) {
	var recorded, fitted []Measured
	f.Report.All.Recorded, recorded = measure(h, l)
	f.Report.All.Fitted, fitted = measure(there, thereLog)
	for e := range recorded {
		f.Report.Endpoints = append(f.Report.Endpoints, Comparison{recorded[e], fitted[e]})
	}
	f.Report.judge(f.Endpoints, limits)
}

// judge says cannot tell when the whole, or too many endpoints, are beyond the
// limits.
func (r *Report) judge(endpoints []Endpoint, l Limits) {
	r.Verdict = Fits
	beyond := func(what string, recorded, fitted, off, limit float64) {
		if !(off <= limit) {
			r.Verdict = CannotTell
			r.Why = append(r.Why, fmt.Sprintf("%s is %.4g, recorded %.4g: off by %.1f %%, more than %.0f %%", what, fitted, recorded, 100*off, 100*limit))
		}
	}
	a, b := r.All.Recorded, r.All.Fitted
	beyond("mean latency", a.Mean, b.Mean, off(a.Mean, b.Mean), l.Mean)
	beyond("p50", a.P50, b.P50, off(a.P50, b.P50), l.P50)
	beyond("p90", a.P90, b.P90, off(a.P90, b.P90), l.P90)
	beyond("p99", a.P99, b.P99, off(a.P99, b.P99), l.P99)
	beyond("utilization", a.Utilization, b.Utilization, off(a.Utilization, b.Utilization), l.Utilization)
	beyond("error ratio", a.ErrorRatio, b.ErrorRatio, math.Abs(a.ErrorRatio-b.ErrorRatio), l.ErrorRatio)
	good := 0
	for e, c := range r.Endpoints {
		if m, u := off(c.Recorded.Mean, c.Fitted.Mean), off(c.Recorded.Utilization, c.Fitted.Utilization); m <= l.Mean && u <= l.Utilization {
			good++
		} else {
			r.Why = append(r.Why, fmt.Sprintf("endpoint %s: mean latency off by %.1f %%, utilization by %.1f %%", endpoints[e].Name, 100*m, 100*u))
		}
	}
	if float64(good) < l.Endpoints*float64(len(r.Endpoints)) {
		r.Verdict = CannotTell
	}
}

// off is how far the fitted is from the recorded, relative to the recorded.
func off(recorded, fitted float64) float64 { return math.Abs(fitted-recorded) / recorded }

// Write shows the parameters with their standard errors, and the fit.
func (f *Fit) Write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(out, "%s, service %s, fitted over %v: %s\n\n", f.Recording, f.Service, f.Scenario.Duration, cmp.Or(f.Report.Verdict, "not run"))
	fmt.Fprintln(out, "endpoint\tworkers\tservice (ms)\tcapacity (1/s)\terrors (%)\tnetwork (ms)\tsamples\tevents")
	for _, e := range f.Endpoints {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", e.Name, e.Workers.text(1), e.Service.text(1000), e.Capacity.text(1), e.Errors.text(100), e.Network.text(1000), e.Samples, e.Events)
	}
	fmt.Fprintln(out, "\nclass\tshare (%)\twork (ms)\tdistribution\tshape\tdistance")
	for _, c := range f.Report.Classes {
		fmt.Fprintf(out, "%s\t%.1f\t%.2f\t%s\t%.3g\t%.3f\n", c.Name, 100*c.Share, 1000*c.Mean.Seconds(), c.Distribution, c.Shape, c.Distance)
	}
	fmt.Fprintln(out, "\nrecorded → fitted\tmean (ms)\tp50\tp90\tp99\terrors (%)\tutilization (%)")
	f.Report.All.write(out, "all")
	for e, c := range f.Report.Endpoints {
		c.write(out, f.Endpoints[e].Name)
	}
	for _, why := range f.Report.Why {
		fmt.Fprintln(out, why)
	}
	return out.Flush()
}

func (e Estimate) text(scale float64) string {
	if math.IsNaN(e.Value) {
		return "?"
	}
	if math.IsNaN(e.Error) {
		return fmt.Sprintf("%.4g ± ?", scale*e.Value)
	}
	return fmt.Sprintf("%.4g ± %.2g", scale*e.Value, scale*e.Error)
}

func (c Comparison) write(w io.Writer, name string) {
	a, b := c.Recorded, c.Fitted
	fmt.Fprint(w, name)
	for _, x := range []struct{ a, b, scale float64 }{
		{a.Mean, b.Mean, 1000}, {a.P50, b.P50, 1000}, {a.P90, b.P90, 1000}, {a.P99, b.P99, 1000}, {a.ErrorRatio, b.ErrorRatio, 100}, {a.Utilization, b.Utilization, 100},
	} {
		fmt.Fprintf(w, "\t%.4g → %.4g", x.scale*x.a, x.scale*x.b)
	}
	fmt.Fprintln(w)
}
