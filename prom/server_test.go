package prom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// prometheus is a real one on a loopback port, scraping one target. It can be
// stopped and started again on the same port and the same history.
type prometheus struct {
	t    testing.TB
	url  string
	args []string
	run  *exec.Cmd
}

// scrapeEvery is short, so that the tests are.
const scrapeEvery = 200 * time.Millisecond

func scrapeConfig(target string) string {
	return fmt.Sprintf("scrape_configs:\n- {job_name: x, scrape_interval: %s, scrape_timeout: %[1]s, static_configs: [{targets: [%q], labels: {app: cart, pod: a}}]}\n", scrapeEvery, target)
}

func startPrometheus(t testing.TB, target string, flags ...string) *prometheus {
	t.Helper()
	binary := tool(t, "prometheus")
	dir := t.TempDir()
	config := writeFile(t, filepath.Join(dir, "prometheus.yml"), scrapeConfig(target))
	address := porttest.Address(t)
	p := &prometheus{t: t, url: "http://" + address, args: append([]string{binary,
		"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address, "--log.level=error"}, flags...)}
	p.start()
	t.Cleanup(func() {
		if p.run != nil {
			p.stop()
		}
	})
	return p
}

func (p *prometheus) start() {
	p.t.Helper()
	p.run = exec.Command(p.args[0], p.args[1:]...)
	p.run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.run.Start(); err != nil {
		p.t.Fatal(err)
	}
	until(p.t, "prometheus ready", func() bool { return answers(p.url + "/-/ready") })
}

func (p *prometheus) stop() {
	p.t.Helper()
	if err := p.run.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	p.run.Wait() // says "signal: terminated" or exit status 0
	p.run = nil
}

// target serves metrics of one pod: a counter that rises by 3 a scrape.
func target(t testing.TB) (address string, scrapes *atomic.Int64) {
	scrapes = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		fmt.Fprintf(w, "# TYPE requests_total counter\nrequests_total{version=\"v1\"} %d\nerrors_total %d\nmemory_bytes{zone=\"z\"} %d\n", 3*n, n, 100+n)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), scrapes
}

// settle waits until what was scraped before it was called can be asked for: a server
// keeps a scrape before it begins the next.
func settle(t testing.TB, scrapes *atomic.Int64) {
	t.Helper()
	enough := scrapes.Load() + 2
	until(t, "scraped twice more", func() bool { return scrapes.Load() >= enough })
}

var liveTiming = mesh.Timing{Step: 5 * time.Second, Range: 2 * time.Second, Delay: 0}

func dial(t testing.TB, url string) *Server {
	t.Helper()
	c, err := LoadConnection(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Connect(c, LiveLimits())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPollOutlivesPrometheus(t *testing.T) {
	address, scrapes := target(t)
	p := startPrometheus(t, address)
	until(t, "scraping", func() bool { return scrapes.Load() > 5 })

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ticks := make(chan time.Time, 1)
	tick := func() { ticks <- time.Now() }
	tick()
	const alive, dead, again = "alive", "dead", "alive again"
	phase, failures := alive, 0
	for w, err := range Poll(ctx, dial(t, p.url), shop(t), liveTiming, ticks) {
		ok := err == nil && w.At(0, mesh.RequestRate) > 0
		switch {
		case phase == alive && ok:
			if e := w.Endpoints[0]; w.Service != "cart" || e != (mesh.Endpoint{Name: "a", Subset: "v1", Zone: "z"}) {
				t.Errorf("window of %s, endpoint %+v", w.Service, e)
			}
			near(t, "error ratio", math.Round(100*w.At(0, mesh.ErrorRatio)), 33)
			near(t, "up", w.At(0, mesh.Up), 1)
			if age := w.At(0, mesh.Age); age < 0 || age > 30 {
				t.Errorf("age %v s", age)
			}
			p.stop()
			phase = dead
		case phase == dead && err != nil:
			if failures++; failures == 3 {
				if !strings.Contains(err.Error(), p.url) || !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("error %v", err)
				}
				p.start()
				phase = again
			}
		case phase == dead:
			t.Errorf("a window from a dead server: %+v", w)
		case phase == again && ok:
			if failures != 3 {
				t.Errorf("%d errors for 3 ticks", failures)
			}
			return
		}
		tick()
	}
	t.Fatalf("Poll ended while %s: %v", phase, ctx.Err())
}

// What is trained on is what is served: the raw samples of a server, dumped
// and opened, give the windows that the server gives.
func TestLiveAndOfflineAgree(t *testing.T) {
	address, scrapes := target(t)
	p := startPrometheus(t, address)
	d := steady(t, p, scrapes)
	first, last := d.Span()
	timing := mesh.Timing{Step: 500 * time.Millisecond, Range: time.Second, Delay: 100 * time.Millisecond}
	// Server 2.x counts a sample on the left edge of a range, the engine here
	// does not: stay off the samples, which have one phase all through.
	q := Query{Start: first.Add(1257 * time.Millisecond), End: last.Add(-scrapeEvery), Timing: timing}
	live, offline := gather(t, dial(t, p.url), shop(t), q), gather(t, d, shop(t), q)
	if len(live) < 5 || len(live) != len(offline) {
		t.Fatalf("%d and %d windows", len(live), len(offline))
	}
	for i := range live {
		if live[i].Time != offline[i].Time && !live[i].Time.Equal(offline[i].Time) || len(live[i].Values) != len(offline[i].Values) {
			t.Fatalf("windows %+v and %+v", live[i], offline[i])
		}
		for j, v := range live[i].Values {
			near(t, fmt.Sprint(live[i].Time, " ", live[i].Schema.Series[j].Name), offline[i].Values[j], v)
		}
	}
	names, err := dial(t, p.url).Metrics(t.Context())
	if err != nil || len(names) < 5 {
		t.Errorf("metrics %v, %v", names, err)
	}
}

// steady returns what the server has of the last seven seconds, once no scrape
// was late in them: on a busy machine a gap is where live and offline differ,
// since only offline ends a series after two and a half intervals.
func steady(t *testing.T, p *prometheus, scrapes *atomic.Int64) *Dump {
	t.Helper()
	for range 10 {
		enough := scrapes.Load() + 36
		until(t, "scraped another 36 times", func() bool { return scrapes.Load() > enough })
		response, err := http.Get(p.url + "/api/v1/query?query=" + `%7B__name__%3D~%22requests_total%7Cerrors_total%7Cmemory_bytes%7Cup%22%7D%5B7s%5D`)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		d := open(t, keep(t, string(text)))
		first, last := d.Span()
		rows, err := d.Range(t.Context(), "count_over_time(up[1s])", first.Add(time.Second), last, scrapeEvery)
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if !slices.ContainsFunc(rows[0].Values, func(n float64) bool { return !(n >= 4) }) {
			return d
		}
	}
	t.Fatal("scrapes were late all the time")
	return nil
}

func TestAddressRefused(t *testing.T) {
	for _, address := range []string{"", "localhost:9090", "ftp://x", "http://", "http://[::1", "/prometheus"} {
		if _, err := LoadConnection(address); err == nil {
			t.Errorf("%q was accepted", address)
		}
	}
}

// What a server that is no Prometheus answers is an error with its address,
// without the password.
func TestServerThatIsNone(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	s := dial(t, strings.Replace(other.URL, "http://", "http://user:secret@", 1))
	_, err := s.Range(t.Context(), "up", dawn, dawn.Add(time.Minute), time.Second)
	if err == nil || !strings.Contains(err.Error(), "404") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Metrics(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}
