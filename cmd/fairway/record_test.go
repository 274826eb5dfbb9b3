package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

const recordedSchema = `name: shop
labels: {service: app, endpoint: pod, subset: version}
step: 1s
range: 1s
series:
- {name: request_rate, query: 'sum by (app, pod, version) (rate(requests_total[$range]))'}
- {name: error_ratio, query: 'sum by (app, pod) (rate(requests_total{code="500"}[$range])) / sum by (app, pod) (rate(requests_total[$range]))'}
- {name: memory_bytes, query: 'memory_bytes'}
`

func putFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for tick := time.Tick(20 * time.Millisecond); !yes(); <-tick {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after a minute", what)
		}
	}
}

// realPrometheus scrapes a page of counters and awkward numbers every 200 ms.
func realPrometheus(t *testing.T) (address string) {
	t.Helper()
	var scrapes atomic.Int64
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		fmt.Fprintf(w, "requests_total{version=\"v1\",code=\"200\"} %d\nrequests_total{version=\"v1\",code=\"500\"} %d\n", 3*n, n)
		fmt.Fprintf(w, "memory_bytes{kind=\"odd\"} %g\nmemory_bytes{kind=\"none\"} NaN\nmemory_bytes{kind=\"all\"} +Inf\nmemory_bytes{kind=\"zero\"} -0\n", math.Sin(float64(n))/3)
	}))
	t.Cleanup(page.Close)
	dir := t.TempDir()
	config := putFile(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(
		"scrape_configs:\n- {job_name: x, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: [%q], labels: {app: cart, pod: a}}]}\n", strings.TrimPrefix(page.URL, "http://")))
	address = daemonOn(t, "/-/ready", "prometheus", func(listen string) []string {
		return []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + listen, "--log.level=error"}
	})
	eventually(t, "scraping", func() bool { return scrapes.Load() > 10 })
	return address
}

// program is `fairway` as a process.
func program(t *testing.T, log *bytes.Buffer, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// samples are values by series and time in milliseconds. A value is its bits.
type samples map[string]map[int64]uint64

func (s samples) add(t *testing.T, series string, ms int64, v float64) {
	t.Helper()
	if s[series] == nil {
		s[series] = map[int64]uint64{}
	}
	if _, twice := s[series][ms]; twice {
		t.Errorf("%s has two samples at %d", series, ms)
	}
	s[series][ms] = math.Float64bits(v)
}

func (s samples) count() int {
	n := 0
	for _, of := range s {
		n += len(of)
	}
	return n
}

// held is what Prometheus holds in (after, until].
func held(t *testing.T, server string, after, until time.Time) samples {
	t.Helper()
	found := samples{}
	for _, metric := range []string{"requests_total", "memory_bytes", "up"} {
		arguments := url.Values{"query": {metric + "[10m]"}, "time": {strconv.FormatFloat(float64(until.UnixMilli())/1000, 'f', 3, 64)}}
		response, err := http.Get(server + "/api/v1/query?" + arguments.Encode())
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Data struct {
				Result []struct {
					Metric map[string]string
					Values [][2]any
				}
			}
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, series := range answer.Data.Result {
			var pairs []string
			for _, name := range slices.Sorted(maps.Keys(series.Metric)) {
				pairs = append(pairs, fmt.Sprintf("%s=%q", name, series.Metric[name]))
			}
			for _, pair := range series.Values {
				ms := int64(math.Round(pair[0].(float64) * 1000))
				v, err := strconv.ParseFloat(pair[1].(string), 64)
				if err != nil {
					t.Fatal(err)
				}
				if ms > after.UnixMilli() && ms <= until.UnixMilli() {
					found.add(t, "{"+strings.Join(pairs, ", ")+"}", ms, v)
				}
			}
		}
	}
	return found
}

var dumpLine = regexp.MustCompile(`^(\{.*\}) (\S+) (\d+)$`)

// recorded is what promtool reads in the blocks, one by one, so that a sample
// in two of them shows.
func recorded(t *testing.T, dir string) samples {
	t.Helper()
	found := samples{}
	blocks, err := filepath.Glob(filepath.Join(dir, "blocks", "*"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("blocks %v, %v", blocks, err)
	}
	for _, block := range blocks {
		alone := t.TempDir()
		if err := os.CopyFS(filepath.Join(alone, filepath.Base(block)), os.DirFS(block)); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(alone, "wal"), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool(t, "promtool"), "tsdb", "dump", alone).Output()
		if err != nil {
			t.Fatalf("%s: %v", block, err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			m := dumpLine.FindStringSubmatch(lines.Text())
			if m == nil {
				t.Fatalf("promtool says %q", lines.Text())
			}
			v, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			ms, err := strconv.ParseInt(m[3], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			found.add(t, m[1], ms, v)
		}
	}
	return found
}

// Killed twenty times, a recording has every sample that Prometheus has, once,
// bit for bit.
func TestRecordFollowSurvivesKills(t *testing.T) {
	server := realPrometheus(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "recording")
	args := []string{"record", "--prometheus", server, "--since", "20s", "--out", out, "--schema", putFile(t, filepath.Join(dir, "shop.yaml"), recordedSchema),
		"--follow", "--every", "200ms", "--block", "2s", "--delay", "100ms"}
	random := rand.New(rand.NewPCG(20, 3))
	for kill := range 20 {
		var log bytes.Buffer
		cmd := program(t, &log, args...)
		time.Sleep(time.Duration(random.Int64N(int64(1600 * time.Millisecond)))) // the random instant itself
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("kill %d: %v\n%s", kill, err, &log)
		}
		if cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("kill %d: it had ended before: %v\n%s", kill, cmd.ProcessState, &log)
		}
	}
	killed := time.Now()
	var log bytes.Buffer
	cmd := program(t, &log, args...)
	var m datasets.Manifest
	eventually(t, "recorded past the last kill", func() bool {
		text, err := os.ReadFile(filepath.Join(out, "manifest.json"))
		return err == nil && json.Unmarshal(text, &m) == nil && m.End.After(killed)
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("SIGTERM: %v\n%s", err, &log)
	}
	text, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil || json.Unmarshal(text, &m) != nil {
		t.Fatal(err)
	}
	want, got := held(t, server, m.Start, m.End), recorded(t, out)
	if len(want) != 7 || want.count() < 7*50 {
		t.Fatalf("Prometheus holds %d samples of %d series", want.count(), len(want))
	}
	for series := range want {
		for ms, bits := range want[series] {
			if b, ok := got[series][ms]; !ok || b != bits {
				t.Errorf("%s at %d: recorded %v (%t), held %v", series, ms, math.Float64frombits(b), ok, math.Float64frombits(bits))
			}
		}
	}
	if got.count() != want.count() {
		t.Errorf("%d samples recorded, %d held", got.count(), want.count())
	}
	if left, err := os.ReadDir(filepath.Join(out, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left in tmp: %v, %v", left, err)
	}
	r, err := datasets.Open(t.Context(), out, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Manifest.Services) != 1 || r.Manifest.Services[0] != "cart" || r.Manifest.ScrapeInterval().Round(20*time.Millisecond) != 200*time.Millisecond {
		t.Errorf("manifest %+v", r.Manifest)
	}
	blocks, _ := filepath.Glob(filepath.Join(out, "blocks", "*"))
	t.Logf("%d samples of %d series in %d blocks over %s", got.count(), len(got), len(blocks), m.End.Sub(m.Start))
}

// Two at once would both write: the second one is refused.
func TestRecordHasOneWriter(t *testing.T) {
	server := realPrometheus(t)
	dir := t.TempDir()
	args := []string{"record", "--prometheus", server, "--since", "20s", "--out", filepath.Join(dir, "recording"), "--schema", putFile(t, filepath.Join(dir, "shop.yaml"), recordedSchema), "--follow", "--every", "200ms", "--delay", "0s"}
	var log bytes.Buffer
	first := program(t, &log, args...)
	eventually(t, "recording", func() bool {
		_, err := os.Stat(filepath.Join(dir, "recording", "manifest.json"))
		return err == nil
	})
	var refused bytes.Buffer
	second := program(t, &refused, args...)
	second.Wait()
	if code := second.ProcessState.ExitCode(); code != 1 || !strings.Contains(refused.String(), "another process") {
		t.Errorf("exit status %d: %s", code, &refused)
	}
	first.Process.Signal(syscall.SIGINT)
	if err := first.Wait(); err != nil {
		t.Errorf("SIGINT: %v\n%s", err, &log)
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) > 1 {
		t.Errorf("in a pipe it says %q", lines)
	}
}

func TestRecordUsage(t *testing.T) {
	out := filepath.Join(t.TempDir(), "r")
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{2, "--prometheus", []string{"--since", "1h", "--out", out}},
		{2, "--out", []string{"--prometheus", "http://127.0.0.1:1", "--since", "1h"}},
		{2, "--since", []string{"--prometheus", "http://127.0.0.1:1", "--out", out}},
		{2, "soon", []string{"--prometheus", "http://127.0.0.1:1", "--out", out, "--since", "soon"}},
		{2, "--prometheus", []string{"--prometheus", "no/such/file", "--out", out, "--since", "1h"}},
		{2, "grow", []string{"--prometheus", "http://127.0.0.1:1", "--out", out, "--since", "1h", "--every", "3h"}},
		{2, "Parallel", []string{"--prometheus", "http://127.0.0.1:1", "--out", out, "--since", "1h", "--parallel", "0"}},
	} {
		_, _, err := call(t, append([]string{"record"}, c.args...)...)
		if err == nil || exitStatus(err) != c.status || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a wrong call made the directory")
	}
}
