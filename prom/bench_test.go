package prom

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/value"

	"github.com/fairway-mesh/fairway/mesh"
)

// recording returns the dump of the first recording of the repository.
func recording(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("../datasets/recordings/*/metrics.om.gz")
	if err != nil || len(found) == 0 {
		t.Fatal("no recording in datasets/recordings", err)
	}
	return found[0]
}

func unzipped(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// benchmarkRead reads a dump again and again. MB/s counts the dump as it is
// given, B/sample what is in memory afterwards.
func benchmarkRead(b *testing.B, dump []byte) {
	b.SetBytes(int64(len(dump)))
	held := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what a sync.Pool holds lives for two
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := held()
	var d *Dump
	for b.Loop() {
		var err error
		if d, err = read(b.Context(), "dump", bytes.NewReader(dump)); err != nil {
			b.Fatal(err)
		}
	}
	samples := float64(d.history.(*memory).count)
	b.ReportMetric(samples*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
	b.ReportMetric((held()-before)/samples, "B/sample")
	runtime.KeepAlive(d)
	runtime.KeepAlive(dump)
}

func BenchmarkReadOpenMetrics(b *testing.B) { benchmarkRead(b, unzipped(b, recording(b))) }

func BenchmarkReadOpenMetricsGzip(b *testing.B) {
	dump, err := os.ReadFile(recording(b))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkRead(b, dump)
}

func BenchmarkReadOpenMetricsZstd(b *testing.B) {
	benchmarkRead(b, []byte(squeezed(string(unzipped(b, recording(b))))))
}

// BenchmarkPromtool makes blocks of what BenchmarkReadOpenMetrics reads.
func BenchmarkPromtool(b *testing.B) {
	text := unzipped(b, recording(b))
	file := filepath.Join(b.TempDir(), "dump")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		run := exec.Command(tool(b, "promtool"), "tsdb", "create-blocks-from", "openmetrics", file, b.TempDir())
		if said, err := run.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, said)
		}
	}
}

// BenchmarkReadByTime reads a text in the order of time, where no line follows
// another one of its series.
func BenchmarkReadByTime(b *testing.B) {
	lines := strings.Split(exposition(whole(b)), "\n")
	var text strings.Builder
	const apart = 1000 // about as many samples as a series of it has
	for first := range apart {
		for i := first; i < len(lines)-1; i += apart {
			text.WriteString(lines[i] + "\n")
		}
	}
	benchmarkRead(b, []byte(text.String()))
}

func BenchmarkReadExport(b *testing.B) { benchmarkRead(b, exportOf(b, whole(b))) }

func exportOf(b *testing.B, d *Dump) []byte {
	var text bytes.Buffer
	for _, s := range d.history.(*memory).series {
		values, times := []string{}, []string{}
		for _, p := range s.points() {
			if !value.IsStaleNaN(p.v) {
				values = append(values, strconv.FormatFloat(p.v, 'f', -1, 64))
				times = append(times, strconv.FormatInt(p.t, 10))
			}
		}
		metric, err := json.Marshal(s.labels.Map())
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&text, "{\"metric\":%s,\"values\":[%s],\"timestamps\":[%s]}\n", metric, strings.Join(values, ","), strings.Join(times, ","))
	}
	return text.Bytes()
}

func BenchmarkReadQueryRange(b *testing.B) { benchmarkRead(b, answerOf(b, whole(b))) }

func answerOf(b *testing.B, d *Dump) []byte {
	var rows []model.SampleStream
	for _, s := range d.history.(*memory).series {
		row := model.SampleStream{Metric: model.Metric{}}
		for name, v := range s.labels.Map() {
			row.Metric[model.LabelName(name)] = model.LabelValue(v)
		}
		for _, p := range s.points() {
			if !value.IsStaleNaN(p.v) {
				row.Values = append(row.Values, model.SamplePair{Timestamp: model.Time(p.t), Value: model.SampleValue(p.v)})
			}
		}
		rows = append(rows, row)
	}
	result, err := json.Marshal(rows)
	if err != nil {
		b.Fatal(err)
	}
	return fmt.Appendf(nil, `{"status":"success","data":{"resultType":"matrix","result":%s}}`, result)
}

func whole(b *testing.B) *Dump {
	b.Helper()
	d, err := Open(b.Context(), recording(b))
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkWindows evaluates the schema over a quarter of an hour.
func BenchmarkWindows(b *testing.B) {
	d := whole(b)
	lab, err := LoadSchema("lab")
	if err != nil {
		b.Fatal(err)
	}
	q := d.Query(mesh.Timing{Step: lab.Step, Range: lab.Range, Delay: d.ScrapeInterval()})
	q.End = q.Start.Add(15 * time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		gather(b, d, lab, q)
	}
}
