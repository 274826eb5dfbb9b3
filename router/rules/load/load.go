package load

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/gatewayapi"
	"github.com/fairway-mesh/fairway/router/rules/istio"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// Load reads files and directories, of all kinds of rules.
func Load(paths ...string) (*rules.File, []manifest.Finding, error) {
	name, text, err := Read(paths...)
	if err != nil {
		return nil, nil, fmt.Errorf("rules: %w", err)
	}
	return Parse(name, text)
}

// Compile is Parse for who serves: a finding of level error is an error here.
func Compile(name string, text []byte) (*rules.Set, []manifest.Finding, error) {
	f, findings, err := Parse(name, text)
	if err = errors.Join(err, Worst(findings)); err != nil {
		return nil, findings, err
	}
	set, err := rules.Compile(f)
	return set, findings, err
}

// Worst joins the findings of level error into one.
func Worst(findings []manifest.Finding) error {
	var errs []error
	for _, f := range findings {
		if f.Level == manifest.Error {
			errs = append(errs, fmt.Errorf("%s:%d: %s", f.File, f.Line, f.Text))
		}
	}
	return errors.Join(errs...)
}

// Parse reads the text that Read has made, or that of a single file. Name is for
// errors, which are joined and carry file:line each. Findings are what a person
// should know of rules that can be read, sorted by where they are.
//
// The version is that of the annotation config/version, else what fairway's own file
// calls it, else a hash of the text.
func Parse(name string, text []byte) (*rules.File, []manifest.Finding, error) {
	files, err := unbundle(name, text)
	if err != nil {
		return nil, nil, err
	}
	r := &reading{whole: rules.File{Name: name, Hash: hash(text)}}
	for _, f := range files {
		r.file(f)
	}
	r.translate()
	if err := errors.Join(r.errs...); err != nil {
		return nil, r.sorted(), err
	}
	whole := &r.whole
	whole.Version = r.version()
	whole.Services = r.merge()
	r.check()
	if err := errors.Join(r.errs...); err != nil {
		return nil, r.sorted(), err
	}
	return whole, r.sorted(), nil
}

// hash names a text, as rules.Parse does.
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// reading is what is known of the files so far.
type reading struct {
	whole    rules.File
	own      []*rules.File // fairway's
	objects  []manifest.Object
	parts    []fragment
	findings []manifest.Finding
	errs     []error
}

// fragment is what one source says of a service.
type fragment struct {
	source string // of which kind, for errors
	rules.Service
}

// ours finds what a file of fairway has at its top: values.yaml and its like have not.
var ours = regexp.MustCompile(`(?m)^["']?(version|classes|services)\b`)

func (r *reading) file(f file) {
	if manifest.Looks(f.text) {
		objects, err := manifest.Read(f.name, f.text)
		r.objects, r.errs = append(r.objects, objects...), append(r.errs, err)
		return
	}
	own, err := rules.Parse(f.name, f.text)
	if err != nil && strings.Contains(err.Error(), "unknown field") && !ours.Match(f.text) {
		err = fmt.Errorf("%w (this is neither fairway's rules, nor an object of Kubernetes with apiVersion and kind: keep what is no rules elsewhere, or let its name begin with a dot)", err)
	}
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	r.own = append(r.own, own)
	for _, s := range own.Services {
		s.Where = cmp.Or(s.Where, f.name)
		r.parts = append(r.parts, fragment{"fairway's file", s})
	}
	r.whole.Classes = append(r.whole.Classes, own.Classes...)
}

// translators make rules of manifests.
var translators = []struct {
	name      string
	kinds     func() []string
	translate func([]manifest.Object) ([]rules.Service, []manifest.Finding, error)
}{
	{"Istio", istio.Kinds, istio.Translate},
	{"the Gateway API", gatewayapi.Kinds, gatewayapi.Translate},
}

// translate hands the objects to those who know them. Of the others is told what they
// are: nobody shall believe that they rule anything.
func (r *reading) translate() {
	if len(r.objects) > 0 {
		r.whole.Home = manifest.Home(r.objects)
		if names := manifest.Homes(r.objects); len(names) > 1 {
			abroad := slices.IndexFunc(r.objects, func(o manifest.Object) bool {
				return o.Home() != r.whole.Home && slices.Contains(names, o.Home())
			})
			r.find(manifest.Note, r.objects[abroad].At(), "objects route in several namespaces (%s): services are called NAME.NAMESPACE, but for those of %s", strings.Join(names, ", "), r.whole.Home)
		}
	}
	known, groups := map[string]bool{}, map[string]string{} // by kind
	for _, t := range translators {
		for _, kind := range t.kinds() {
			known[kind] = true
			if group, name, ok := strings.Cut(kind, "/"); ok {
				groups[name] = group
			}
		}
		services, findings, err := t.translate(r.objects)
		r.findings, r.errs = append(r.findings, findings...), append(r.errs, err)
		for _, s := range services {
			r.parts = append(r.parts, fragment{t.name, s})
		}
	}
	others := map[string]*manifest.Finding{}
	for i := range r.objects {
		o := &r.objects[i]
		if known[o.GroupKind()] {
			continue
		}
		key := o.File + " " + o.GroupKind()
		if others[key] != nil {
			continue
		}
		others[key] = &manifest.Finding{File: o.File, Line: o.Line, Level: manifest.Note,
			Text: fmt.Sprintf("%s (%s) is no kind of rules that fairway reads: passed over", o.Kind, o.APIVersion)}
		if group := groups[o.Kind]; group != "" {
			others[key].Level = manifest.Warning
			others[key].Text = fmt.Sprintf("%s of apiVersion %q is no kind of rules that fairway reads: passed over; that of %s is", o.Kind, o.APIVersion, group)
		} else if meshGroup(o.Group()) {
			others[key].Level = manifest.Warning
		}
	}
	for _, f := range others {
		r.findings = append(r.findings, *f)
	}
}

// meshGroup reports whether objects of an API group may well have to do with where
// requests go. What proxies report, by Istio's Telemetry, has not.
func meshGroup(group string) bool {
	return strings.HasSuffix(group, "istio.io") && group != "telemetry.istio.io" || strings.HasPrefix(group, "gateway.networking.")
}

// find adds a finding about a place as rules have it, file:line.
func (r *reading) find(level, where, format string, args ...any) {
	file, line := place(where, r.whole.Name)
	r.findings = append(r.findings, manifest.Finding{File: file, Line: line, Level: level, Text: fmt.Sprintf(format, args...)})
}

// place splits file:line; without a line it is the first.
func place(where, otherwise string) (file string, line int) {
	if i := strings.LastIndexByte(where, ':'); i >= 0 {
		if _, err := fmt.Sscanf(where[i+1:], "%d", &line); err == nil {
			return where[:i], line
		}
	}
	return cmp.Or(where, otherwise), 1
}

func (r *reading) sorted() []manifest.Finding {
	slices.SortStableFunc(r.findings, func(a, b manifest.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(r.findings)
}
