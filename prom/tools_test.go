package prom

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// tool finds one of the real programs that the tests use.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no %s on this machine", name)
	}
	return path
}

// serve runs a server on a loopback port until the test ends. ready is the
// path that answers 200 once it is up.
func serve(t testing.TB, ready, program string, args func(address string) []string) (url string, process *os.Process) {
	t.Helper()
	address := porttest.Address(t)
	run := exec.Command(tool(t, program), args(address)...)
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		run.Process.Signal(syscall.SIGTERM)
		run.Process.Signal(syscall.SIGCONT) // a test may have stopped it
		run.Wait()                          // says "signal: terminated" or exit status 0
	})
	until(t, program+" ready", func() bool { return answers("http://" + address + ready) })
	return "http://" + address, run.Process
}

func answers(url string) bool {
	r, err := http.Get(url)
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// serveVictoria runs an empty VictoriaMetrics that keeps whatever time it is
// given, and does not hold back what is new.
func serveVictoria(t testing.TB, flags ...string) (url string) {
	t.Helper()
	kept := t.TempDir()
	url, _ = serve(t, "/health", "victoria-metrics", func(address string) []string {
		return append([]string{"-httpListenAddr=" + address, "-storageDataPath=" + kept, "-retentionPeriod=100y",
			"-search.latencyOffset=0s", "-memory.allowedBytes=128MB", "-loggerLevel=ERROR"}, flags...)
	})
	return url
}

// serveBlocks runs a Prometheus on a folder of blocks. It may scrape itself.
func serveBlocks(t testing.TB, dir string, scrape bool) (url string, process *os.Process) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	return serve(t, "/-/ready", "prometheus", func(address string) []string {
		text := ""
		if scrape {
			text = fmt.Sprintf("scrape_configs:\n- {job_name: self, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{targets: [%q]}]}\n", address)
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config.file=" + config, "--storage.tsdb.path=" + dir, "--storage.tsdb.retention.time=100y",
			"--web.listen-address=" + address, "--web.enable-admin-api", "--log.level=error"}
	})
}

// until asks again and again until the answer is yes.
func until(t testing.TB, what string, yes func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); !yes(); <-tick {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after a minute", what)
		}
	}
}

// fetch returns the body of a successful answer.
func fetch(t testing.TB, request *http.Request, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 2 {
		t.Fatalf("%s: %s, %v: %.300s", request.URL, response.Status, err, body)
	}
	return string(body)
}

func get(t testing.TB, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	return fetch(t, request, err)
}
