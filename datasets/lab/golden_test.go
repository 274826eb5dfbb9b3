package lab

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
)

// golden compares text with a file of testdata. On a mismatch it writes what
// it got beside it, as NAME.got.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	want, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
		if err := os.WriteFile(file+".got", []byte(got), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// goldenWrite compares what write writes.
func goldenWrite(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var text bytes.Buffer
	if err := write(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, name, text.String())
}

// addressed is the small mesh with addresses.
func addressed() []Service {
	services := smallConfig().Services
	for s := range services {
		for e := range services[s].Endpoints {
			services[s].Endpoints[e].Address = loopback(20001 + 10*s + e)
		}
	}
	return services
}

func TestHAProxyConfig(t *testing.T) {
	listen := map[string]string{"checkout": loopback(20009), "catalog": loopback(20019)}
	golden(t, "haproxy.cfg", haproxyConfig(addressed(), listen, loopback(20020)))
}

func TestPrometheusConfig(t *testing.T) {
	text, err := prometheusConfig(addressed(), loopback(20020), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "prometheus.yml", text)
}

// logged are two loads at the beginning of a recording: one request of the
// second service between two of the first, and one that was never sent.
func logged() []*load {
	services := smallConfig().Services
	a := newLoad(services[0], []planned{
		{at: 0, class: 0, endpoint: 2, propensity: 7000},
		{at: 1500 * time.Millisecond, class: 2, endpoint: 0, propensity: 201},
		{at: 9 * time.Second},
	}, "", at(0))
	a.answers[0] = answered{sent: time.Millisecond, latency: 51234 * time.Microsecond, status: 200, done: true}
	a.answers[1] = answered{sent: 3 * time.Millisecond, latency: 2 * time.Second, done: true}
	b := newLoad(services[1], []planned{{at: 1234567 * time.Microsecond, class: 1, endpoint: 1, propensity: 5000}}, "", at(0))
	b.answers[0] = answered{sent: 2 * time.Millisecond, latency: time.Millisecond, status: 503, done: true}
	return []*load{a, b}
}

func TestRequestLog(t *testing.T) {
	goldenWrite(t, "requests.csv", func(w io.Writer) error { return writeRequests(w, rows(logged(), at(60))) })
}

func TestRequestLogEndsWithTheRecording(t *testing.T) {
	got := rows(logged(), at(1.5))
	if len(got) != 2 || got[0].service.Name != "checkout" || got[1].service.Name != "catalog" {
		t.Errorf("rows %+v; want the two that were due before the end", got)
	}
}

func TestFaultLog(t *testing.T) {
	faults := []datasets.Fault{
		{Service: "checkout", Endpoint: "checkout-1", Kind: Slowdown, Start: at(90.0004), End: at(151.5), Severity: 4.56789},
		{Service: "catalog", Endpoint: "catalog-2", Kind: Crash, Start: at(100), End: at(130.25), Severity: 1},
	}
	goldenWrite(t, "faults.csv", func(w io.Writer) error { return writeFaults(w, faults) })
}

func TestManifest(t *testing.T) {
	cfg := smallConfig()
	r := &recorder{mesh: &running{cfg: cfg, services: cfg.Services, versions: "HAProxy of a test; Prometheus of a test"}, loads: logged()}
	r.injectors = []*injector{{done: []datasets.Fault{{Kind: Crash, Start: at(9)}}}, {done: []datasets.Fault{{Kind: Leak, Start: at(8)}}}}
	r.loads[0].broken.Store(1)
	r.late = []time.Duration{time.Millisecond}
	r.summary = Summary{Start: at(0), End: at(13), Interrupted: true}
	r.count(rows(r.loads, at(13)))
	s := r.summary
	if s.Requests != 3 || s.Failed != 2 || s.Broken != 1 || s.SendDelay.Max != 3*time.Millisecond || s.Lateness.Max != time.Millisecond {
		t.Errorf("summary %+v", s)
	}
	if len(s.Faults) != 2 || s.Faults[0].Kind != Leak {
		t.Errorf("faults %+v; want them in order of their starts", s.Faults)
	}
	m := r.manifest()
	m.Notes[2] = "versions, cores" // differ from machine to machine
	goldenWrite(t, "manifest.json", indented(m))
}

func TestWriteFileFails(t *testing.T) {
	broken := func(w io.Writer) error { return io.ErrShortWrite }
	if err := writeFile(t.TempDir(), "file", zipped(broken)); err == nil {
		t.Error("a file that could not be written is no error")
	}
	if err := writeFile(filepath.Join(t.TempDir(), "gone"), "file", broken); !os.IsNotExist(err) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
