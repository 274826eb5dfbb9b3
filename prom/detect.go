package prom

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Detect returns the built-in schema that fits what src holds from start to
// end, and what all of them make of it. Of several that fit, it is the one
// that tells most: of endpoints before workloads, then of most endpoints and
// series. It does not choose between two that tell the same of a service, nor
// one that names no endpoints: the error says what is missing.
func Detect(ctx context.Context, src Source, start, end time.Time) (*mesh.Schema, *Recognition, error) {
	r, err := Recognise(ctx, src, start, end, builtinSchemas()...)
	if err != nil {
		return nil, nil, err
	}
	fit, err := r.choose()
	if err != nil {
		return nil, r, err
	}
	return fit.Schema, r, nil
}

// choose returns the fit to go on with; see Detect.
func (r *Recognition) choose() (*Fit, error) {
	for _, level := range []mesh.Level{mesh.EndpointLevel, mesh.WorkloadLevel} {
		var best, second *Fit
		for _, f := range r.candidates(level) {
			switch {
			case best == nil || f.cells() > best.cells():
				best, second = f, best
			case second == nil || f.cells() > second.cells():
				second = f
			}
		}
		if best == nil {
			continue
		}
		for _, f := range r.candidates(level) {
			if f == best {
				continue
			}
			if service, tie := best.ties(f); tie || f == second && f.cells() == best.cells() {
				return nil, ambiguous(best, f, service)
			}
		}
		return best, nil
	}
	return nil, r.refusal()
}

// Others says which schemas fit beside the one that was taken, and of what they
// tell; empty when none does.
func (r *Recognition) Others(taken string) string {
	var others []string
	for _, f := range r.Fits {
		if n := len(f.Names()); n > 0 && f.Schema.Name != taken {
			others = append(others, fmt.Sprintf("%s (%s%s)", f.Schema.Name, some(f.Names()), f.levelled()))
		}
	}
	return strings.Join(others, "; ")
}

func (f *Fit) levelled() string {
	switch f.Schema.Level {
	case mesh.WorkloadLevel:
		return "; workloads, no endpoints"
	case mesh.ServiceLevel:
		return "; no endpoints"
	}
	return ""
}

// candidates are the fits of a level that fit any service.
func (r *Recognition) candidates(level mesh.Level) []*Fit {
	var all []*Fit
	for _, f := range r.Fits {
		if f.Schema.Level == level && len(f.Names()) > 0 {
			all = append(all, f)
		}
	}
	return all
}

// ties returns a service of which both schemas tell as much.
func (f *Fit) ties(other *Fit) (service string, tie bool) {
	for _, name := range f.Names() {
		if theirs := other.Services[name]; theirs != nil && theirs.Series[mesh.RequestRate] > 0 && theirs.Tells() == f.Services[name].Tells() {
			return name, true
		}
	}
	return "", false
}

func ambiguous(a, b *Fit, service string) error {
	where := fmt.Sprintf("services %s and %s", some(a.Names()), some(b.Names()))
	if service != "" {
		where = "service " + service
	}
	return fmt.Errorf("two schemas fit equally well, %s and %s (%s): choose with --schema %s or --schema %s",
		a.Schema.Name, b.Schema.Name, where, a.Schema.Name, b.Schema.Name)
}

// some names the first few.
func some(names []string) string {
	const few = 3
	if len(names) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

// Refusal is the error for a source of which no schema names endpoints.
type Refusal struct {
	// Coarse is the schema that tells most of whole services, for who only
	// wants to look; nil where none fits at all.
	Coarse *mesh.Schema
	text   string
}

func (r *Refusal) Error() string { return r.text }

// refusal says why no schema can be taken.
func (r *Recognition) refusal() error {
	refused := &Refusal{}
	most := 0
	for _, f := range r.candidates(mesh.ServiceLevel) {
		if n := f.cells(); n > most {
			refused.Coarse, most = f.Schema, n
		}
	}
	var lines []string
	if coarse := r.candidates(mesh.ServiceLevel); len(coarse) > 0 {
		lines = append(lines, "what is recognised names no endpoints, so there is nothing to choose among")
		for _, f := range coarse {
			lines = append(lines, fmt.Sprintf("  %s tells of the services %s", f.Schema.Name, some(f.Names())))
			if i := slices.IndexFunc(f.Schema.Lacks, func(l mesh.Lack) bool { return l.Name == "endpoints" }); i >= 0 {
				lines = append(lines, "    why     "+f.Schema.Lacks[i].Why, "    needed  "+f.Schema.Lacks[i].Needs)
			}
		}
	} else {
		lines = append(lines, "no built-in schema fits")
	}
	var nothing []string
	for _, f := range r.Fits {
		switch {
		case len(f.Names()) > 0:
		case !f.found:
			nothing = append(nothing, f.Schema.Name)
		default:
			lines = append(lines, "  "+f.Schema.Name+" "+f.complaint())
			if needs := f.Schema.Series[max(0, f.Schema.Index(mesh.RequestRate))].Needs; needs != "" {
				lines = append(lines, "    needed  "+needs)
			}
		}
	}
	if len(nothing) > 0 {
		lines = append(lines, "  no metric at all of "+strings.Join(nothing, ", "))
	}
	refused.text = strings.Join(append(lines, existing(r.Have), "write a schema of your own and give it with --schema"), "\n")
	return refused
}

// complaint says why a schema of which some metrics exist fits no service.
func (f *Fit) complaint() string {
	var lacking []Missing
	for _, m := range f.Missing {
		if m.Series == mesh.RequestRate {
			lacking = append(lacking, m)
		}
	}
	if len(lacking) > 0 {
		return "lacks what it makes request_rate of: " + metrics(lacking)
	}
	return "fits no service: " + f.Blind[mesh.RequestRate]
}

// metrics lists the names of missing metrics, each once.
func metrics(missing []Missing) string {
	var names []string
	for _, m := range missing {
		if !slices.Contains(names, m.Metric) {
			names = append(names, m.Metric)
		}
	}
	return strings.Join(names, ", ")
}
