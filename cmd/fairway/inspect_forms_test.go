package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// minutes cuts the first minutes out of the bundled recording that judges, as
// OpenMetrics and as Prometheus text.
func minutes(t *testing.T, n float64) (openMetrics, prometheusText string) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", filepath.FromSlash(bundled[len(bundled)-1]), "metrics.om.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	var om, prom strings.Builder
	start := 0.0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			om.WriteString(line)
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		at, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			t.Fatal(err)
		}
		if start == 0 {
			start = at
		}
		if at > start+60*n {
			continue
		}
		om.WriteString(line)
		fmt.Fprintf(&prom, "%s %.0f\n", line[:i], at*1000)
	}
	return om.String(), prom.String()
}

// daemonOn runs one of the real servers until the test ends.
func daemonOn(t *testing.T, ready, name string, args func(address string) []string) string {
	t.Helper()
	address := porttest.Address(t)
	server := exec.Command(tool(t, name), args(address)...)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM)
		server.Wait()
	})
	eventually(t, name+" is ready", func() bool {
		r, err := http.Get("http://" + address + ready)
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return "http://" + address
}

func ask(t *testing.T, method, address string, body io.Reader) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatal(address, response.Status, err)
	}
	return string(text)
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestInspectOfEveryForm: whatever form the real tools bring a history into,
// inspect says the same of it: which schema fits which service, what each
// series tells, which endpoints there are and whether their shares vary.
func TestInspectOfEveryForm(t *testing.T) {
	om, text := minutes(t, 3)
	dir := t.TempDir()
	file := func(name, text string) string { return putFile(t, filepath.Join(dir, name), text) }
	squeezer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{
		"OpenMetrics":       file("a", om),
		"OpenMetrics, zstd": file("b", string(squeezer.EncodeAll([]byte(om), nil))),
		"Prometheus text":   file("c", text),
		"the same, gzip":    file("d", gzipped(t, text)),
		"blocks":            filepath.Join(dir, "blocks"),
	}
	if said, err := exec.Command(tool(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", paths["OpenMetrics"], paths["blocks"]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	served := filepath.Join(dir, "served")
	if err := os.CopyFS(served, os.DirFS(paths["blocks"])); err != nil {
		t.Fatal(err)
	}
	config := file("prometheus.yml", "")
	server := daemonOn(t, "/-/ready", "prometheus", func(address string) []string {
		return []string{"--config.file=" + config, "--storage.tsdb.path=" + served, "--storage.tsdb.retention.time=100y",
			"--web.listen-address=" + address, "--web.enable-admin-api", "--log.level=error"}
	})
	paths["the folder of a running server"] = served
	want := inspected(t, paths["OpenMetrics"])
	start, end := spanOf(t, mustCall(t, "inspect", paths["OpenMetrics"]))
	paths["query_range"] = file("e", ask(t, http.MethodGet, server+"/api/v1/query?"+url.Values{
		"query": {`{__name__!=""}[1h]`}, "time": {end.Add(time.Second).Format(time.RFC3339)}}.Encode(), nil))
	var made struct{ Data struct{ Name string } }
	if err := json.Unmarshal([]byte(ask(t, http.MethodPost, server+"/api/v1/admin/tsdb/snapshot", nil)), &made); err != nil {
		t.Fatal(err)
	}
	paths["snapshot"] = filepath.Join(served, "snapshots", made.Data.Name)
	victoria := daemonOn(t, "/health", "victoria-metrics", func(address string) []string {
		return []string{"-httpListenAddr=" + address, "-storageDataPath=" + filepath.Join(dir, "victoria"), "-retentionPeriod=100y",
			"-search.latencyOffset=0s", "-memory.allowedBytes=128MB", "-loggerLevel=ERROR"}
	})
	ask(t, http.MethodPost, victoria+"/api/v1/import/prometheus", strings.NewReader(text))
	ask(t, http.MethodGet, victoria+"/internal/force_flush", nil)
	eventually(t, "imported", func() bool {
		export := ask(t, http.MethodGet, victoria+"/api/v1/export?"+url.Values{"match[]": {`{__name__!=""}`}, "start": {"0"}}.Encode(), nil)
		paths["VictoriaMetrics' export"] = file("f", export)
		exported := 0
		for line := range strings.Lines(export) {
			var series struct{ Values []any }
			if err := json.Unmarshal([]byte(line), &series); err != nil {
				t.Fatal(err)
			}
			exported += len(series.Values)
		}
		return exported == strings.Count(text, "\n")
	})
	for form, path := range paths {
		if got := inspected(t, path); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", form, got, want)
		}
	}
	// Left at a server, a gauge that ended is seen for as long as the server
	// looks back; who is there, and what they did, is the same.
	source := file("server.yaml", fmt.Sprintf("prometheus: %s\nstart: %s\nend: %s\n", server, start.Format(time.RFC3339), end.Format(time.RFC3339)))
	got := mustCall(t, "inspect", source)
	for _, line := range []string{"catalog", "checkout", "shares vary", "checkout-6", "lab*"} {
		if !strings.Contains(got, line) {
			t.Errorf("at the server, %q is missing in:\n%s", line, got)
		}
	}
}

// inspected is what inspect says of a history, without its name, and without
// what only some forms have: notes.
func inspected(t *testing.T, path string) string {
	t.Helper()
	var kept strings.Builder
	for line := range strings.Lines(mustCall(t, "inspect", path)) {
		if !strings.HasPrefix(line, "recording ") && !strings.HasPrefix(line, "note ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// spanOf reads the span that inspect prints.
func spanOf(t *testing.T, said string) (start, end time.Time) {
	t.Helper()
	_, rest, _ := strings.Cut(said, "span ")
	var a, b string
	if _, err := fmt.Sscanf(rest, "%s to %s", &a, &b); err != nil {
		t.Fatal(err)
	}
	start, err := time.Parse(time.RFC3339, a)
	if err != nil {
		t.Fatal(err)
	}
	if end, err = time.Parse(time.RFC3339, b); err != nil {
		t.Fatal(err)
	}
	return start, end
}
