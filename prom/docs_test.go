package prom

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// docsHead begins docs/schemas.md; the rest is made of the schema files.
const docsHead = `# Schemas: what each technology tells

*Made of ` + "`prom/schemas/*.yaml`" + ` by a test of package prom; change those.*

A schema is a set of PromQL queries that turns a technology's metrics into the same few series for every endpoint.
` + "`fairway inspect PATH`" + ` says which schemas fit each service of a recording, what they do not tell, and what would bring it.
Without ` + "`--schema`" + ` the one that tells most is taken, and said; two that tell as much of a service are not chosen between.

In the table, ✓ is told as the technology comes, ✓* is told when something is switched on (see its section), – is not told.

**Levels.** Routing needs *endpoints*. Where a technology names only workloads (deployments), those can be chosen among; where it
names only services, there is nothing to choose: its schema recognises it, and says what would name endpoints.

**Histograms** may be classic or native, and both at once. **Without requests** the request rate is 0 and error ratio and latencies
are unknown.

**Your own.** A schema is a YAML file, given with ` + "`--schema FILE`" + `; copy the built-in one that comes closest:

` + "```yaml" + `
name: shop
labels: {service: app, endpoint: pod, subset: version, zone: zone, address: address}   # of the query results
rewrite:                                    # labels of all that the queries select, before anything is summed
  - {label: pod, from: [instance], match: '([^:]+):\d+', to: $1}    # one label made of another
  - {label: app, from: [namespace, app], separator: /}              # … or of several
pods: group by (app, namespace, pod) (requests_total)               # brings up, CPU and memory of Kubernetes' pods
step: 15s
range: 1m                                                           # $range in the queries
series:
  - name: request_rate
    unit: 1/s
    query: sum by (app, pod) (rate(requests_total[$range]))
  - name: latency_p99_seconds
    unit: s
    query: |                                # an outermost ` + "`or`" + `: one of the two is enough
      histogram_quantile(0.99, sum by (app, pod, le) (rate(seconds_bucket[$range])))
      or histogram_quantile(0.99, sum by (app, pod) (rate(seconds[$range])))
` + "```" + `

**Tables.** Where there are no metrics but a CSV, ` + "`fairway import`" + ` makes counters of it, as the part ` + "`table:`" + ` of a schema says:
` + "`datasets/schemas/azure-llm.yaml`" + ` and ` + "`azure-functions.yaml`" + ` show both kinds.
`

// The documentation of the schemas is made of them, so that it cannot rot.
func TestDocs(t *testing.T) {
	var text strings.Builder
	text.WriteString(docsHead)
	text.WriteString("\n| schema | of what | endpoints |" + header())
	for _, s := range builtinSchemas() {
		level := "yes"
		if s.Level != mesh.EndpointLevel {
			level = "no: " + string(s.Level) + "s"
		}
		fmt.Fprintf(&text, "| [%s](#%s) | %s | %s |%s\n", s.Name, s.Name, s.Help, level, marks(s))
	}
	for _, s := range builtinSchemas() {
		describeSchema(&text, s)
	}
	golden(t, "../docs/schemas.md", text.String())
	_, example, _ := strings.Cut(docsHead, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := ParseSchema("docs/schemas.md", []byte(example)); err != nil {
		t.Errorf("the example is wrong: %v", err)
	}
}

func header() string {
	line, rule := "", "\n|---|---|---|"
	for _, name := range mesh.Canonical {
		line, rule = line+" "+strings.TrimSuffix(name, "_seconds")+" |", rule+"---|"
	}
	return line + rule + "\n"
}

func marks(s *mesh.Schema) string {
	line := ""
	for _, name := range mesh.Canonical {
		switch i := s.Index(name); {
		case i < 0:
			line += " – |"
		case s.Series[i].Needs != "":
			line += " ✓* |"
		default:
			line += " ✓ |"
		}
	}
	return line
}

func describeSchema(text *strings.Builder, s *mesh.Schema) {
	fmt.Fprintf(text, "\n## %s\n\n%s. ", s.Name, s.Help)
	fmt.Fprintf(text, "The label `%s` names the service, `%s` the endpoint", s.Labels.Service, s.Labels.Endpoint)
	switch s.Level {
	case mesh.WorkloadLevel:
		text.WriteString(", which is a workload: all its pods together")
	case mesh.ServiceLevel:
		text.WriteString(": the service itself, since nothing names endpoints")
	}
	text.WriteString(".\n\n| series | what | needs |\n|---|---|---|\n")
	for _, x := range s.Series {
		fmt.Fprintf(text, "| `%s` | %s | %s |\n", x.Name, cell(x.Help), cell(x.Needs))
	}
	if len(s.Lacks) == 0 {
		return
	}
	text.WriteString("\n| not told | why | what would bring it |\n|---|---|---|\n")
	for _, x := range s.Lacks {
		fmt.Fprintf(text, "| `%s` | %s | %s |\n", x.Name, cell(x.Why), cell(x.Needs))
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// Every series of which features are made is told by a schema or said to lack.
func TestSchemasSayWhatTheyLack(t *testing.T) {
	for _, s := range builtinSchemas() {
		said := map[string]bool{}
		for _, l := range s.Lacks {
			said[l.Name] = true
		}
		for _, name := range mesh.Canonical {
			if s.Index(name) < 0 && !said[name] && s.Level != mesh.ServiceLevel {
				t.Errorf("%s: nothing is said of %s", s.Name, name)
			}
		}
		if s.Level != mesh.EndpointLevel && !said["endpoints"] {
			t.Errorf("%s: what would name endpoints?", s.Name)
		}
	}
}
