package prom

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
)

// The same samples as small, in the other forms.
const (
	smallProm = `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{app="cart",pod="a"} 1 1767225600500
 requests_total{pod="a", app="cart",} 3 1767225610500

# a comment
# TYPE memory_bytes gauge
memory_bytes{app="a \"quoted\" one:@"} NaN 1767225600500
requests_total{app="cart",pod="a"} 5	1767225620500
memory_bytes {app="a \"quoted\" one:@"} +Inf 1767225630500
`
	smallExport = `{"metric":{"__name__":"memory_bytes","app":"a \"quoted\" one:@"},"values":["NaN","Infinity"],"timestamps":[1767225600500,1767225630500]}
{"metric":{"__name__":"requests_total","app":"cart","pod":"a"},"values":[5],"timestamps":[1767225620500]}

{"metric":{"__name__":"requests_total","app":"cart","pod":"a"},"values":[1,3.0],"timestamps":[1767225600500,1767225610500]}`
	smallAnswer = `{"status":"success","data":{"resultType":"matrix","result":[
{"metric":{"__name__":"requests_total","app":"cart","pod":"a"},"values":[[1767225600.5,"1"],[1767225610.5,"3"],[1767225620.5,"5"]]},
{"metric":{"__name__":"memory_bytes","app":"a \"quoted\" one:@"},"values":[[1767225600.5,"NaN"],[1767225630.5,"+Inf"]]}]}}`
)

// newYear is the whole second in which the samples of these begin.
var newYear = time.Unix(1767225600, 0)

// smallSeconds is small at the time of the others.
var smallSeconds = strings.ReplaceAll(small, " 10", " 17672256")

func squeezed(text string) string {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	defer z.Close()
	return string(z.EncodeAll([]byte(text), nil))
}

func TestOpenEveryForm(t *testing.T) {
	for name, content := range map[string]string{
		"OpenMetrics": smallSeconds, "Prometheus text": smallProm, "query_range": smallAnswer, "VictoriaMetrics": smallExport,
	} {
		for packing, pack := range map[string]func(string) string{"plain": strings.Clone, "gzip": zipped, "zstd": squeezed} {
			t.Run(name+" "+packing, func(t *testing.T) {
				d := open(t, keep(t, pack(content)))
				if start, end := d.Span(); start.UnixMilli() != 1767225600500 || end.UnixMilli() != 1767225630500 {
					t.Errorf("span %s to %s", start, end)
				}
				if d.ScrapeInterval() != 10*time.Second || d.Instant() {
					t.Errorf("scrape interval %s, instant: %t", d.ScrapeInterval(), d.Instant())
				}
				got, err := d.Range(t.Context(), `requests_total or memory_bytes`, newYear, newYear.Add(35*time.Second), 5*time.Second)
				want := Matrix{
					{map[string]string{"__name__": "memory_bytes", "app": `a "quoted" one:@`}, []float64{nan, nan, nan, nan, nan, nan, nan, math.Inf(1)}},
					{map[string]string{"__name__": "requests_total", "app": "cart", "pod": "a"}, []float64{nan, 1, 1, 3, 3, 5, 5, 5}},
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" || err != nil {
					t.Error(diff, err)
				}
			})
		}
	}
}

func TestOpenRefusesWhatIsCutOrBad(t *testing.T) {
	export := strings.SplitAfter(smallExport, "\n")
	packed := squeezed(smallProm)
	for name, c := range map[string]struct{ content, want string }{
		"OpenMetrics cut after a line":        {smallSeconds[:strings.Index(smallSeconds, "# TYPE memory")], `dump:6: no "# EOF" at the end`},
		"OpenMetrics with whole seconds, cut": {"# TYPE up gauge\nup 1 1767225600\n", `dump:3: no "# EOF" at the end`},
		"a scrape of OpenMetrics, cut":        {"# TYPE a counter\na_total 1\n", `dump:3: no "# EOF" at the end`},
		"a unit, cut":                         {"# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1 1767225600000\n", `dump:4: no "# EOF" at the end`},
		"a type of OpenMetrics, cut":          {"# TYPE up unknown\nup 1\n", `dump:3: no "# EOF" at the end`},
		"an exemplar, cut":                    {"a_bucket{le=\"1\"} 1 # {trace=\"x\"} 1\n", `dump:2: no "# EOF" at the end`},
		"a text cut in a line":                {smallProm[:len(smallProm)-2], `dump:10: the line is cut`},
		"a text that ends like OpenMetrics": {strings.Repeat("up 1 1767225600000\n", 60000) + "# EOF\n",
			"dump:60001: this ends like OpenMetrics, whose timestamps are seconds"},
		"a text in nanoseconds":       {"up 1 1767225600000000000\n", "its samples reach the time"},
		"zstd, cut":                   {packed[:len(packed)-9], "the file breaks off (unexpected EOF)"},
		"zstd, nothing":               {squeezed(""), "the file is empty"},
		"no zstd":                     {"\x28\xb5\x2f\xfdnonsense", "dump"},
		"Windows, OpenMetrics":        {strings.ReplaceAll(smallSeconds, "\n", "\r\n"), `dump:2: the file has Windows line ends`},
		"Windows, Prometheus text":    {strings.ReplaceAll(smallProm, "\n", "\r\n"), `dump:2: the file has Windows line ends`},
		"a byte order mark":           {"\xef\xbb\xbf" + smallProm, `dump:1: the text begins with a byte order mark`},
		"PowerShell's":                {"\xff\xfeu\x00p\x00", `dump:1: the text is UTF-16`},
		"a tar":                       {"blocks/" + strings.Repeat("\x00", 250) + "ustar\x0000", `dump:1: an archive of tar; unpack it`},
		"a page":                      {"\n<!DOCTYPE html>\n<html>", `dump:1: a web page, not metrics`},
		"the result alone":            {`[{"metric":{"__name__":"up"},"values":[[1767225600,"1"]]}]`, `dump:1: a JSON array; want all of query_range's answer`},
		"a label twice":               {"up{pod=\"a\",pod=\"b\"} 1\n", `dump:1: up{pod="a",pod="b"} has the label pod twice`},
		"no metric name":              {"{\"\",pod=\"a\"} 1\n", `dump:1: {"",pod="a"} has no metric name`},
		"a zero byte":                 {strings.Repeat("# a comment\n", 100) + "\x00up 1\nup{} 1\n", "dump:101: the line holds a zero byte"},
		"two scrapes in one file":     {"up 1\nup 1\n", "dump:2: up comes again and has no timestamp: are these several scrapes in one file? let a Prometheus scrape"},
		"two values, far apart":       {"up 1 1767225600000\nup 2 1767225610000\nup{} 3 1767225600000\n", `dump: {__name__="up"}: two values at 2026-01-01T00:00:00.000Z, 1 and 3`},
		"two values, one after other": {"up 1 1767225600000\nup{} 3 1767225600000\n", `dump:2: {__name__="up"}: two values at 2026-01-01T00:00:00.000Z, 1 and 3`},
		"an export, cut in a line":    {smallExport[:len(smallExport)-1], `dump:4: the line is cut; export it again; 3 samples of 2 series up to 2026-01-01T00:00:30.500Z`},
		"an export, no name":          {`{"metric":{"pod":"a"},"values":[1],"timestamps":[1]}`, `dump:1: the series {pod="a"} has no metric name`},
		"an export, a list too short": {`{"metric":{"__name__":"a"},"values":[1,2],"timestamps":[1]}`, `dump:1: {__name__="a"}: values and timestamps are not equally many`},
		"an export, no list":          {`{"metric":{"__name__":"a"},"values":1,"timestamps":1}`, `dump:1: the series a has no list of values`},
		"an export, a nested list":    {`{"metric":{"__name__":"a"},"values":[[1]],"timestamps":[1]}`, `the value "[1]" is no number`},
		"an export, a word":           {`{"metric":{"__name__":"a"},"values":["high"],"timestamps":[1]}`, `the value "\"high\"" is no number`},
		"an export, a time":           {`{"metric":{"__name__":"a"},"values":[1],"timestamps":[1.5]}`, `the timestamp "1.5" is no number`},
		"an export, two values":       {`{"metric":{"__name__":"a"},"values":[1,2],"timestamps":[5,5]}`, `two values at 1970-01-01T00:00:00.005Z, 1 and 2`},
		"an export, then an answer":   {export[0] + smallAnswer, "dump:2: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), keep(t, c.content))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error: %v\nwant:  %s", err, c.want)
			}
		})
	}
}

// What a server said of its answer is not lost.
func TestAnswerWithDoubts(t *testing.T) {
	doubtful := strings.Replace(smallAnswer, `"status":"success"`, `"status":"success","isPartial":true,"warnings":["store a is down"]`, 1)
	notes := open(t, keep(t, doubtful+doubtful)).Notes
	if len(notes) != 2 || !strings.Contains(notes[0], "partial") || !strings.Contains(notes[1], "store a is down") {
		t.Errorf("notes %q, want that it is partial, and the warning, each once", notes)
	}
	if notes := open(t, keep(t, smallAnswer)).Notes; len(notes) > 0 {
		t.Errorf("notes %q on a sound answer", notes)
	}
}

// An export has Windows line ends where it went through such a machine; JSON
// does not mind.
func TestExportWithWindowsLineEnds(t *testing.T) {
	d := open(t, keep(t, strings.ReplaceAll(smallExport, "\n", "\r\n")))
	if n := d.history.(*memory).count; n != 5 {
		t.Errorf("%d samples, want 5", n)
	}
}

// A null in an export of VictoriaMetrics is a stale marker: the series has
// ended there, and no NaN spoils a sum.
func TestExportEndsSeries(t *testing.T) {
	d := open(t, keep(t, `{"metric":{"__name__":"up","pod":"a"},"values":[1,1,null,1],"timestamps":[0,10000,20000,30000]}
{"metric":{"__name__":"up","pod":"b"},"values":[1,1,1,1],"timestamps":[0,10000,20000,30000]}`))
	rows, err := d.Range(t.Context(), "sum(up)", time.Unix(10, 0), time.Unix(30, 0), 5*time.Second)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	if diff := cmp.Diff([]float64{2, 2, 1, 1, 2}, rows[0].Values); diff != "" {
		t.Error(diff)
	}
}

// What is out of order is sorted; what comes twice counts once.
func TestOutOfOrder(t *testing.T) {
	d := open(t, keep(t, `requests_total{pod="a"} 3 1767225620000
requests_total{pod="b"} 1 1767225600000
requests_total{pod="a"} 1 1767225600000
requests_total{pod="a"} 2 1767225610000
requests_total{pod="a"} 3 1767225620000
requests_total{pod="b"} 2 1767225610000
`))
	if n := d.history.(*memory).count; n != 5 {
		t.Errorf("%d samples, want 5", n)
	}
	rows, err := d.Range(t.Context(), "requests_total", newYear, newYear.Add(20*time.Second), 10*time.Second)
	want := Matrix{
		{map[string]string{"__name__": "requests_total", "pod": "a"}, []float64{1, 2, 3}},
		{map[string]string{"__name__": "requests_total", "pod": "b"}, []float64{1, 2, 2}},
	}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// One series may be written in several ways: the labels in another order, or
// a bound of a bucket as another number.
func TestOneSeriesInSeveralSpellings(t *testing.T) {
	d := open(t, keep(t, `# TYPE a histogram
a_bucket{le="1",pod="x"} 1 1767225600000
a_bucket{pod="x",le="1.0"} 2 1767225610000
`))
	rows, err := d.Range(t.Context(), "increase(a_bucket[1m])", newYear.Add(10*time.Second), newYear.Add(10*time.Second), 0)
	if err != nil || len(rows) != 1 || rows[0].Labels["le"] != "1.0" || !(rows[0].Values[0] > 0) {
		t.Errorf("%v, %v: want one series", rows, err)
	}
}

func TestInstant(t *testing.T) {
	for name, content := range map[string]string{
		"Prometheus text": "# TYPE up gauge\nup{pod=\"a\"} 1\nup{pod=\"b\"} 0\n",
		"OpenMetrics":     "# TYPE up gauge\nup{pod=\"a\"} 1\nup{pod=\"b\"} 0\n# EOF\n",
		"federated":       "up{pod=\"a\"} 1 1767225600000\nup{pod=\"b\"} 0 1767225607000\n",
		"cAdvisor":        "up{pod=\"a\"} 1 1767225600000\nup{pod=\"b\"} 0\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, keep(t, content))
			if !d.Instant() || d.ScrapeInterval() != 0 {
				t.Errorf("no instant; interval %s", d.ScrapeInterval())
			}
			start, end := d.Span()
			if name != "federated" && !start.Equal(end) {
				t.Errorf("from %s to %s", start, end)
			}
			rows, err := d.Range(t.Context(), "up", end, end, 0)
			if err != nil || len(rows) != 2 || rows[0].Values[0] != 1 || rows[1].Values[0] != 0 {
				t.Errorf("%v, %v", rows, err)
			}
			_, err = d.Range(t.Context(), "up", end, end.Add(time.Second), time.Second)
			if !errors.Is(err, ErrInstant) || !strings.Contains(err.Error(), "let a Prometheus scrape the target and record from it") {
				t.Errorf("error %v", err)
			}
		})
	}
	if d := open(t, keep(t, smallProm)); d.Instant() {
		t.Error("a history is taken for an instant")
	}
}

// What real proxies say of themselves is read as one instant.
func TestExpositions(t *testing.T) {
	for file, metric := range map[string]string{
		"haproxy.prom": "haproxy_server_status", "haproxy-1s/01.prom": "haproxy_server_status",
		"caddy.prom": "caddy_reverse_proxy_upstreams_healthy", "istio_proxy_1.5_excerpt.prom": "envoy_cluster_upstream_rq",
	} {
		d := open(t, shared(t, filepath.Join("expositions", file)))
		_, end := d.Span()
		rows, err := d.Range(t.Context(), metric, end, end, 0)
		if err != nil || len(rows) == 0 || !d.Instant() {
			t.Errorf("%s: %d rows, %v", file, len(rows), err)
		}
	}
}
