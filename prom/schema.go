package prom

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/fairway-mesh/fairway/mesh"
)

// schemaFile is the text of a schema.
type schemaFile struct {
	Name   string `yaml:"name"`
	Help   string `yaml:"help"`
	Labels struct {
		Service, Endpoint, Subset, Zone, Address string
	} `yaml:"labels"`
	// Service names the service of everything, where no label does.
	Service string        `yaml:"service"`
	Level   string        `yaml:"level"`
	Rewrite []rewriteStep `yaml:"rewrite"`
	Pods    string        `yaml:"pods"`
	Step    string        `yaml:"step"`
	Range   string        `yaml:"range"`
	Series  []seriesEntry `yaml:"series"`
	Lacks   []mesh.Lack   `yaml:"lacks"`
	// Table says how a CSV becomes the metrics; package datasets reads it.
	Table yaml.Node `yaml:"table"`
}

type seriesEntry struct {
	Name    string `yaml:"name"`
	Feature string `yaml:"feature"` // the same as name
	Unit    string `yaml:"unit"`
	Help    string `yaml:"help"`
	Needs   string `yaml:"needs"`
	Query   string `yaml:"query"`
}

// ParseSchema reads the text of a schema file:
//
//	name: shop                    # and help, both for people
//	labels:                       # of the query results; endpoint is required
//	  {service: app, endpoint: pod, subset: version, zone: zone, address: instance}
//	service: shop                 # instead of labels.service: all is one service
//	rewrite:                      # labels of what the queries select, step by step
//	  - {label: pod, from: [instance], match: '([^:]+):\d+', to: $1}
//	pods: group by (app, namespace, pod) (requests_total)   # brings Kubernetes' series
//	level: workload               # what an endpoint is; endpoint when left out
//	step: 15s                     # between windows
//	range: 1m                     # span of a window; $range in the queries
//	series:
//	  - {name: request_rate, unit: 1/s, query: 'sum by (app, pod) (rate(requests_total[$range]))'}
//	lacks:                        # what the technology cannot tell, for people
//	  - {name: in_flight, why: nothing counts it, needs: what would}
//
// A query whose outermost operator is `or` has alternatives: one of them is
// enough, such as a histogram in its classic or in its native form. A rewrite
// step joins the labels of `from` (default: label itself) with separator
// (default "."); where match (default: none of them is missing) matches all of
// that, label becomes `to` (default: all of it). `pods` is a query that says
// which pod serves which service; see podSeries for what it brings.
//
// The names of the series with a meaning are mesh's constants; others are
// columns of their own. Units are tidied by the query: seconds, ratios,
// requests per second. Errors name the file (name) and the line.
func ParseSchema(name string, text []byte) (*mesh.Schema, error) {
	var file schemaFile
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, yamlError(name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		return nil, fmt.Errorf("%s: a second document follows the schema; want one schema a file", name)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, yamlError(name, err)
	}
	s, problem := file.schema()
	if problem != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, problem.line(&root), problem.err)
	}
	return s, nil
}

// constantService is the label that carries the name of the only service. The
// metrics may well have a label "service" that means something else.
const constantService = "fairway_service"

var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (f *schemaFile) schema() (*mesh.Schema, *misstep) {
	s := &mesh.Schema{Name: f.Name, Help: f.Help, Labels: mesh.Labels(f.Labels)}
	if f.Name == "" {
		return nil, wrong(errors.New("the schema has no name"), "name")
	}
	if f.Labels.Endpoint == "" {
		return nil, wrong(errors.New("labels.endpoint is missing: which label of the results names the endpoint?"), "labels")
	}
	switch {
	case f.Labels.Service == "" && f.Service == "":
		return nil, wrong(errors.New("nothing names the service: give labels.service, or service for a constant"), "labels")
	case f.Labels.Service != "" && f.Service != "":
		return nil, wrong(errors.New("both labels.service and service are given; want one of them"), "service")
	case f.Service != "":
		s.Labels.Service = constantService
	}
	switch s.Level = mesh.Level(f.Level); s.Level {
	case "endpoint":
		s.Level = mesh.EndpointLevel
	case mesh.EndpointLevel, mesh.WorkloadLevel, mesh.ServiceLevel:
	default:
		return nil, wrong(fmt.Errorf("level is %q; want endpoint, workload or service", f.Level), "level")
	}
	if bad := f.checkRewrite(); bad != nil {
		return nil, bad
	}
	var err error
	if s.Step, err = span(f.Step); err != nil {
		return nil, wrong(fmt.Errorf("step: %w", err), "step")
	}
	if s.Range, err = span(f.Range); err != nil {
		return nil, wrong(fmt.Errorf("range: %w", err), "range")
	}
	for _, add := range []func(*mesh.Schema) *misstep{f.addSeries, f.addPods, f.addLacks} {
		if bad := add(s); bad != nil {
			return nil, bad
		}
	}
	return s, nil
}

func (f *schemaFile) addSeries(s *mesh.Schema) *misstep {
	if len(f.Series) == 0 {
		return wrong(errors.New("the schema has no series"), "series")
	}
	for i, in := range f.Series {
		key := "name"
		if in.Name == "" {
			in.Name, in.Feature, key = in.Feature, "", "feature"
		}
		switch {
		case in.Feature != "":
			return wrong(errors.New("both name and feature are given; they are the same"), "series", i, "feature")
		case !plainName.MatchString(in.Name):
			return wrong(fmt.Errorf("series %d: the name %q is not made of a-z, 0-9 and _", i+1, in.Name), "series", i, key)
		case s.Index(in.Name) >= 0:
			return wrong(fmt.Errorf("series %s is given twice", in.Name), "series", i, key)
		}
		if bad := checkQuery(in.Query); bad != nil {
			bad.err, bad.path = fmt.Errorf("series %s: %w", in.Name, bad.err), []any{"series", i, "query"}
			return bad
		}
		made, err := f.series(in)
		if err != nil {
			return wrong(fmt.Errorf("series %s: %w", in.Name, err), "series", i, "query")
		}
		s.Series = append(s.Series, made)
	}
	return nil
}

// series is the entry with the query that is asked: labels rewritten, and the
// service named.
func (f *schemaFile) series(in seriesEntry) (mesh.Series, error) {
	query, err := rewritten(strings.TrimSpace(in.Query), f.Rewrite)
	if f.Service != "" {
		query = fmt.Sprintf("label_replace(%s, %q, %q, %q, %q)", query, constantService, strings.ReplaceAll(f.Service, "$", "$$"), "", "")
	}
	return mesh.Series{Name: in.Name, Unit: in.Unit, Help: strings.TrimSpace(in.Help), Needs: strings.TrimSpace(in.Needs), Query: query}, err
}

func (f *schemaFile) addLacks(s *mesh.Schema) *misstep {
	for i, l := range f.Lacks {
		switch {
		case l.Name == "" || l.Why == "":
			return wrong(fmt.Errorf("lack %d: want a name and why", i+1), "lacks", i)
		case s.Index(l.Name) >= 0:
			return wrong(fmt.Errorf("%s is among the series and among what lacks", l.Name), "lacks", i, "name")
		}
		s.Lacks = append(s.Lacks, mesh.Lack{Name: l.Name, Why: strings.TrimSpace(l.Why), Needs: strings.TrimSpace(l.Needs)})
	}
	return nil
}

// span reads a positive time as Prometheus writes it: 15s, 1m30s.
func span(text string) (time.Duration, error) {
	if text == "" {
		return 0, errors.New("is missing; want a time such as 15s")
	}
	d, err := model.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is not positive", text)
	}
	return time.Duration(d), err
}

// checkQuery reports a query that is not PromQL or whose result is no instant
// vector.
func checkQuery(query string) *misstep {
	if strings.TrimSpace(query) == "" {
		return wrong(errors.New("the query is missing"))
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(withRange(query, time.Minute))
	if err != nil {
		bad := wrong(err)
		var all parser.ParseErrors
		if errors.As(err, &all) && len(all) > 0 {
			at := min(int(all[0].PositionRange.Start), len(strings.TrimSpace(query)))
			bad.err = fmt.Errorf("not PromQL: %w", all[0].Err)
			bad.down = 1 + strings.Count(query[:at], "\n")
		}
		return bad
	}
	if expr.Type() != parser.ValueTypeVector {
		return wrong(fmt.Errorf("the query gives a %s; want an instant vector: put a function around it, such as rate or avg_over_time", parser.DocumentedType(expr.Type())))
	}
	return nil
}

// withRange puts the span of the windows into a query.
func withRange(query string, span time.Duration) string {
	return strings.ReplaceAll(query, "$range", model.Duration(span).String())
}
