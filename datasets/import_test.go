package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

const eventTable = `
table:
  time: at
  every: 10s
  labels: {model: model}
  file: {service: '(\w+)\.csv'}
  counters:
    - {name: arrivals_total, help: Requests}
    - {name: tokens_total, column: tokens}
`

const wideTable = `
table:
  columns: m_\d+
  start: 1970-01-01T00:02:00Z
  every: 1m
  labels: {f: name}
  counters: [{name: calls_total}]
`

func columns(t testing.TB, text string) *Columns {
	t.Helper()
	c, err := parseColumns("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// imported is what becomes of a CSV of that name.
func imported(t *testing.T, table, name, csv string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(csv), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := columns(t, table).Import(t.Context(), &out, path)
	if err != nil && out.Len() > 0 {
		t.Errorf("wrote %q beside the error", &out)
	}
	return out.String(), err
}

func TestImportEvents(t *testing.T) {
	got, err := imported(t, eventTable, "code.csv", "at,model,tokens\n100.5,a,10\n1970-01-01 00:01:45.2500000,a,5\n110,b,1\n121,a,2\n")
	if err != nil {
		t.Fatal(err)
	}
	const want = `# TYPE arrivals counter
# HELP arrivals Requests
arrivals_total{model="a",service="code"} 0 100
arrivals_total{model="a",service="code"} 2 110
arrivals_total{model="a",service="code"} 2 120
arrivals_total{model="a",service="code"} 3 130
arrivals_total{model="b",service="code"} 0 100
arrivals_total{model="b",service="code"} 1 110
arrivals_total{model="b",service="code"} 1 120
arrivals_total{model="b",service="code"} 1 130
# TYPE tokens counter
tokens_total{model="a",service="code"} 0 100
tokens_total{model="a",service="code"} 15 110
tokens_total{model="a",service="code"} 15 120
tokens_total{model="a",service="code"} 17 130
tokens_total{model="b",service="code"} 0 100
tokens_total{model="b",service="code"} 1 110
tokens_total{model="b",service="code"} 1 120
tokens_total{model="b",service="code"} 1 130
# EOF
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestImportColumnsOfTime(t *testing.T) {
	got, err := imported(t, wideTable, "x.csv", "name,other,m_1,m_2\n\"a \"\"q\"\"\",9,3,4\n")
	if err != nil {
		t.Fatal(err)
	}
	const want = `# TYPE calls counter
calls_total{f="a \"q\""} 0 120
calls_total{f="a \"q\""} 3 180
calls_total{f="a \"q\""} 7 240
# EOF
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestImportRefuses(t *testing.T) {
	for csv, want := range map[string]string{
		"":                                         "code.csv: the file is empty",
		"at,model\n1,a\n":                          `code.csv:1: column "tokens" is missing`,
		"at,model,tokens\n":                        "no row was found",
		"at,model,tokens\n1,a,1\nnoon,a,1\n":       `code.csv:3: at: "noon" is no time`,
		"at,model,tokens\n1,a,-1\n":                `code.csv:2: tokens: "-1" cannot be added to a counter`,
		"at,model,tokens\n1,a,NaN\n":               `code.csv:2: tokens: "NaN" cannot`,
		"at,model,tokens\n1,a\n":                   "code.csv:2: ",
		"at,model,tokens\n1,a,1\n9999999999,a,1\n": "is the time of one row wrong?",
		"\x1f\x8bat":                               "begins like gzip but is not",
	} {
		if _, err := imported(t, eventTable, "code.csv", csv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v; want %s", csv, err, want)
		}
	}
	if _, err := imported(t, eventTable, "code.txt", "at,model,tokens\n1,a,1\n"); err == nil || !strings.Contains(err.Error(), "the name is not like") {
		t.Errorf("a name that tells nothing: %v", err)
	}
	if _, err := imported(t, wideTable, "x.csv", "name,n_1\na,1\n"); err == nil || !strings.Contains(err.Error(), "x.csv:1: no column is called like") {
		t.Errorf("no columns: %v", err)
	}
}

func TestColumnsRefuse(t *testing.T) {
	for want, change := range map[string][2]string{
		"x.yaml: the schema has no part `table`":          {eventTable, "name: x"},
		"x.yaml:3: table: want time, ":                    {"  time: at\n", ""},
		`x.yaml:3: table: every is "soon"`:                {"10s", "soon"},
		`the counter's name "a b" is no name of a metric`: {"arrivals_total", "a b"},
		"there are no counters":                           {eventTable[strings.Index(eventTable, "  counters"):], ""},
		"file: service: the pattern wants one pair":       {`(\w+)`, `\w+`},
		"is none of a table's":                            {"every:", "evry: 1s\n  every:"},
		`"a-b" is no name of a label`:                     {"{model:", "{a-b:"},
	} {
		_, err := parseColumns("x.yaml", []byte(strings.Replace(eventTable, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %s", err, want)
		}
	}
	for want, change := range map[string][2]string{
		"columns want start":            {"  start: 1970-01-01T00:02:00Z\n", ""},
		"want a multiple of every, 1m":  {"00:02:00Z", "00:02:30Z"},
		"columns: error parsing regexp": {`m_\d+`, `'m_('`},
	} {
		_, err := parseColumns("x.yaml", []byte(strings.Replace(wideTable, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %s", err, want)
		}
	}
}

// The arrivals of Azure: 8,819 requests to code and 19,366 to conv, and 155,469
// invocations of 200 functions, as the data's README counts them.
func TestAzure(t *testing.T) {
	const data = "../../shared/data/azure/"
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("the development data is not there")
	}
	for _, c := range []struct {
		schema   string
		files    []string
		services int
		requests map[string]float64
		all      float64
	}{
		{"azure-llm", []string{"AzureLLMInferenceTrace_code.csv.gz", "AzureLLMInferenceTrace_conv.csv.gz"}, 2, map[string]float64{"code": 8819, "conv": 19366}, 8819 + 19366},
		{"azure-functions", []string{"functions-sample/200_inv.csv.gz"}, 200, nil, 155469},
	} {
		schema := "schemas/" + c.schema + ".yaml"
		table, err := ReadColumns(schema)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, file := range c.files {
			paths = append(paths, data+file)
		}
		var om bytes.Buffer
		if err := table.Import(t.Context(), &om, paths...); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "arrivals.om")
		if err := os.WriteFile(path, om.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), path, schema)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		counted, all := map[string]float64{}, 0.0
		services := frames(t, r)
		for service, windows := range services {
			for i := range windows {
				// Windows overlap: each step counts once.
				n := windows[i].At(0, mesh.RequestRate) * r.Schema.Step.Seconds()
				if !math.IsNaN(n) {
					counted[service] += n
					all += n
				}
			}
		}
		if len(services) != c.services || math.Abs(all-c.all) > 0.03*c.all {
			t.Errorf("%s: %.0f arrivals at %d services; want %.0f at %d", c.schema, all, len(services), c.all, c.services)
		}
		for service, want := range c.requests {
			if math.Abs(counted[service]-want) > 0.03*want {
				t.Errorf("%s: %.0f arrivals; want %.0f", service, counted[service], want)
			}
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add(eventTable, "at,model,tokens\n100.5,a,10\n1970-01-01 00:01:45.25,a,5\n")
	f.Add(wideTable, "name,other,m_1,m_2\na,9,3,4\n")
	f.Fuzz(func(t *testing.T, table, csv string) {
		c, err := parseColumns("x.yaml", []byte(table))
		if err != nil {
			return
		}
		into := &counts{series: map[string][]map[int64]float64{}}
		if err := c.readRows(t.Context(), "x.csv", strings.NewReader(csv), into); err != nil {
			return
		}
		for labels, series := range into.series {
			if len(series) != len(c.Counters) || !strings.HasPrefix(labels, "{") {
				t.Error(fmt.Sprint(labels, series))
			}
		}
	})
}
