package istio

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

const (
	virtualService  = "networking.istio.io/VirtualService"
	destinationRule = "networking.istio.io/DestinationRule"
	gateway         = "networking.istio.io/Gateway"
	peerAuth        = "security.istio.io/PeerAuthentication"
)

// Bounds of what one set of objects may come to.
const (
	maxRoutes   = 10_000  // of a service
	maxAll      = 100_000 // of all services: an object's rules are those of each host
	maxReviewed = 2_000   // of a service, to look for the unreachable, by the square of their number
	maxErrors   = 1_000
	maxFindings = 10_000
)

// versions of the kinds that are read; they differ in nothing.
var versions = map[string][]string{
	virtualService:  {"networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"},
	destinationRule: {"networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"},
	gateway:         {"networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"},
	peerAuth:        {"security.istio.io/v1", "security.istio.io/v1beta1"},
}

// unread are Istio's other kinds, and what a person should know where there is one.
// A Gateway is none of them: it says where a proxy listens, which is nothing to
// fairway.
var unread = map[string]string{
	"networking.istio.io/ServiceEntry":        "fairway takes services and endpoints from the metrics, its rules file, or who registers them",
	"networking.istio.io/WorkloadEntry":       "fairway takes endpoints from the metrics, its rules file, or who registers them",
	"networking.istio.io/WorkloadGroup":       "fairway takes endpoints from the metrics, its rules file, or who registers them",
	"networking.istio.io/Sidecar":             "fairway answers for every service to who asks, whatever a proxy is meant to see",
	"networking.istio.io/EnvoyFilter":         "what it changes in a proxy fairway does not see",
	"networking.istio.io/ProxyConfig":         "it is between Istio and its proxies",
	"security.istio.io/AuthorizationPolicy":   "the proxy decides who may call",
	"security.istio.io/RequestAuthentication": "the proxy decides who may call",
}

// Kinds are the kinds of objects that Translate knows: those that it reads, and
// those that it says of that it does not.
func Kinds() []string {
	kinds := []string{virtualService, destinationRule, gateway, peerAuth}
	return append(kinds, slices.Sorted(maps.Keys(unread))...)
}

// Translate makes services of the objects of its Kinds; other objects are ignored.
// The error joins all that is refused, each "file:line: …"; findings are what a
// person should know beside, in the order of the objects. On an error there are no
// services.
func Translate(objects []manifest.Object) ([]rules.Service, []manifest.Finding, error) {
	t := &translator{home: manifest.Home(objects), byName: map[string]*service{}}
	var virtual, destination, peers []*manifest.Object
	for i := range objects {
		o := &objects[i]
		if why, other := unread[o.GroupKind()]; other {
			t.findings = append(t.findings, manifest.Finding{File: o.File, Line: o.Line, Level: manifest.Warning, Text: o.String() + " is not read: " + why})
		}
		known, ours := versions[o.GroupKind()]
		if !ours {
			continue
		}
		if !slices.Contains(known, o.APIVersion) {
			t.fail(o, o.Line, fmt.Errorf("%s:%d: %s has apiVersion %q; use one of %q", o.File, o.Line, o.Kind, o.APIVersion, known))
			continue
		}
		switch o.GroupKind() {
		case virtualService:
			virtual = append(virtual, o)
		case destinationRule:
			destination = append(destination, o)
		case peerAuth:
			peers = append(peers, o)
		}
	}
	// Where one host has several objects, Istio goes by their age.
	slices.SortStableFunc(virtual, older)
	slices.SortStableFunc(destination, older)
	for _, o := range destination {
		t.destinationRule(o)
	}
	for _, o := range virtual {
		t.virtualService(o)
	}
	t.peerAuthentications(peers)
	if len(t.errs) == 0 { // else what is refused would be missing
		t.review()
	}
	before := inOrder(objects)
	slices.SortStableFunc(t.findings, func(a, b manifest.Finding) int { return before(a.File, b.File, a.Line, b.Line) })
	slices.SortStableFunc(t.errs, func(a, b refusal) int { return before(a.file, b.file, a.line, b.line) })
	t.findings = unique(t.findings)
	if len(t.errs) > 0 {
		return nil, t.findings, t.refusals()
	}
	return t.services(), t.findings, nil
}

func (t *translator) refusals() error {
	var all []error
	for _, r := range t.errs {
		all = append(all, r.err)
	}
	return errors.Join(all...)
}

// unique leaves out what is said twice, of an object with several hosts.
func unique(findings []manifest.Finding) []manifest.Finding {
	said := map[manifest.Finding]bool{}
	return slices.DeleteFunc(findings, func(f manifest.Finding) bool {
		again := said[f]
		said[f] = true
		return again
	})
}

func older(a, b *manifest.Object) int { return a.Created.Compare(b.Created) }

// inOrder compares places by the order of the files that the objects came from,
// and by line.
func inOrder(objects []manifest.Object) func(file, other string, line, otherLine int) int {
	first := map[string]int{}
	for i := range objects {
		if _, there := first[objects[i].File]; !there {
			first[objects[i].File] = i
		}
	}
	return func(file, other string, line, otherLine int) int {
		if file != other {
			return first[file] - first[other]
		}
		return line - otherLine
	}
}

// translator collects services and what there is to say of their objects.
type translator struct {
	home     string // the namespace of short names
	order    []string
	byName   map[string]*service
	findings []manifest.Finding
	errs     []refusal
	count    int // of routes
}

// refusal is an error with the place that it is about.
type refusal struct {
	file string
	line int
	err  error
}

// service is a service in the making.
type service struct {
	rules.Service
	by      *manifest.Object  // the first VirtualService that routes it
	gateway string            // that the VirtualServices are bound to; see binding
	policy  *manifest.Object  // the DestinationRule whose traffic policy holds
	values  map[string]string // of subsets: what the metrics call them, to their names
	routes  map[string]bool   // names that are taken
}

// service finds a service, or begins one that is first spoken of at p.
func (t *translator) service(name string, p place) *service {
	s, there := t.byName[name]
	if !there {
		s = &service{values: map[string]string{}, routes: map[string]bool{}}
		s.Name, s.Where, s.Limits = name, p.String(), rules.DefaultLimits()
		t.byName[name] = s
		t.order = append(t.order, name)
	}
	return s
}

func (t *translator) services() []rules.Service {
	var list []rules.Service
	for _, name := range t.order {
		list = append(list, t.byName[name].Service)
	}
	return list
}

// place is somewhere in an object's spec.
type place struct {
	o    *manifest.Object
	path []any
}

func (p place) in(steps ...any) place { return place{p.o, append(slices.Clone(p.path), steps...)} }

func (p place) String() string { return p.o.At(p.path...) }

func (p place) has(field string) bool { return p.o.Has(append(slices.Clone(p.path), field)...) }

// refuse reports what keeps the rules from being used.
func (t *translator) refuse(p place, format string, args ...any) {
	if len(t.errs) < maxErrors { // each looks for its line
		t.fail(p.o, p.o.LineOf(p.path...), fmt.Errorf("%s: %s", p, fmt.Sprintf(format, args...)))
	}
}

func (t *translator) fail(o *manifest.Object, line int, err error) {
	t.errs = append(t.errs, refusal{o.File, line, err})
}

// find adds a finding, up to a number that nobody reads.
func (t *translator) find(level string, p place, format string, args ...any) {
	if len(t.findings) < maxFindings {
		t.findings = append(t.findings, p.o.Find(level, fmt.Sprintf(format, args...), p.path...))
	}
}

func (t *translator) warn(p place, format string, args ...any) {
	t.find(manifest.Warning, p, format, args...)
}

func (t *translator) note(p place, format string, args ...any) {
	t.find(manifest.Note, p, format, args...)
}

// field is one that does not come along, and why, or what to do instead.
type field struct{ name, why string }

// refuseFields refuses those of the fields that are written at p.
func (t *translator) refuseFields(p place, fields []field) {
	for _, f := range fields {
		if p.has(f.name) {
			t.refuse(p.in(f.name), "%s is not supported: %s", f.name, f.why)
		}
	}
}

// leaveFields warns of those of the fields that are written at p: they do not
// change where a request goes.
func (t *translator) leaveFields(p place, fields []field) {
	for _, f := range fields {
		if p.has(f.name) {
			t.warn(p.in(f.name), "%s is left to the proxy: %s", f.name, f.why)
		}
	}
}
