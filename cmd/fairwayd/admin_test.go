package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// TestNothingFound: who waits for services that are to be found is told how it stands.
func TestNothingFound(t *testing.T) {
	p := start(t, "--rules", write(t, "r.yaml", "version: \"1\"\nservices: []\n"), "--discover", "file:"+t.TempDir()+"/nowhere.yaml")
	soonest(t, func() error {
		code, body := p.get(t, "/readyz")
		if code != http.StatusServiceUnavailable || !strings.Contains(body, "or on those that are found: 0 so far, since file: ") || !strings.Contains(body, "nowhere.yaml") {
			return fmt.Errorf("/readyz: %d %s", code, body)
		}
		return nil
	})
}

// TestAdmin: what is in force is told, without what is secret in it.
func TestAdmin(t *testing.T) {
	dead := fmt.Sprintf("http://ann:hunter22@%s/?token=hunter22", porttest.Address(t))
	p := start(t, "--prometheus", dead, "--schema", write(t, "tiny.yaml", tiny), "--explore", "5%", "--log-format", "json")
	if code, body := p.get(t, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "a first window of metrics from http://xxxxx@") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	_, body := p.get(t, "/config")
	var settings map[string]string
	if err := json.Unmarshal([]byte(body), &settings); err != nil {
		t.Fatal(err)
	}
	if settings["explore"] != "5%" || settings["from"] != "start" || settings["prometheus"] == "" {
		t.Errorf("/config: %s", body)
	}
	if strings.Contains(body+p.log.String(), "hunter22") {
		t.Errorf("a password is told: %s\n%s", body, p.log)
	}
	_, body = p.get(t, "/version")
	if b := (build{}); json.Unmarshal([]byte(body), &b) != nil || !strings.HasPrefix(b.Go, "go1.") {
		t.Errorf("/version: %s", body)
	}
	for name, want := range map[string]int{"debug": 200, "loud": 400, strings.Repeat("x", 99): 400} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+p.admin+"/loglevel", strings.NewReader(name))
		if err != nil {
			t.Fatal(err)
		}
		if code, _ := ask(t, r); code != want {
			t.Errorf("PUT %s: %d", name, code)
		}
	}
	if _, body := p.get(t, "/loglevel"); body != "DEBUG\n" {
		t.Errorf("/loglevel: %s", body)
	}
	if code, _ := p.get(t, "/debug/pprof/cmdline"); code != http.StatusNotFound {
		t.Error("the command line is told, which may hold a password")
	}
}

// TestForms: a scraper gets OpenMetrics, or protobuf with native histograms,
// where it asks for them.
func TestForms(t *testing.T) {
	p := start(t, "--rules", write(t, "rules.yaml", tinyRules))
	p.until(t, "decided", func(d *fairwayv1.Decision) bool { return true })
	for accept, want := range map[string]string{
		"application/openmetrics-text;version=1.0.0":                                            "# EOF",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text": "positive_span",
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.admin+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		if _, body := ask(t, r); !strings.Contains(body, want) {
			t.Errorf("%s: no %s in\n%s", accept, want, body)
		}
	}
}

// TestAdminByDefault: an admin port that nobody asked for gives way, one that
// was asked for does not.
func TestAdminByDefault(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:7444")
	if err == nil {
		defer l.Close()
	} // else somebody else has it, which is as good
	rules := write(t, "rules.yaml", tinyRules)
	if err := run(t.Context(), []string{"--listen", "127.0.0.1:0", "--rules", rules, "--admin", "127.0.0.1:7444"}, &log{}, &log{}); err == nil {
		t.Error("an address in use is no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, out := &log{}, &stopper{word: "api 127.0.0.1:", stop: cancel}
	if err := run(ctx, []string{"--listen", "127.0.0.1:0", "--rules", rules}, out, said); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "no admin port") {
		t.Errorf("it said:\n%s", said)
	}
}

// stopper stops a program when it says a word.
type stopper struct {
	word string
	stop func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.word) {
		s.stop()
	}
	return len(p), nil
}

func TestMasked(t *testing.T) {
	for value, want := range map[string]string{
		"http://127.0.0.1:9090":                               "http://127.0.0.1:9090",
		"https://ann:s3cret@mimir/x?tenant=a&token=abc&b=c":   "https://xxxxx@mimir/x?tenant=a&token=xxxxx&b=c",
		"postgres://ann:s3@cret@db/fairway":                   "postgres://xxxxx@db/fairway",
		"host=db user=ann password='s3 cret' sslmode=require": "host=db user=ann password=xxxxx sslmode=require",
		"127.0.0.1:7443":                                      "127.0.0.1:7443",
	} {
		if got := masked(value); got != want {
			t.Errorf("%s: %s; want %s", value, got, want)
		}
	}
}
