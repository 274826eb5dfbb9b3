package prom

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// TestTargetsAreBounded: an answer of a hostile server is not kept in memory as a whole
// of many things.
func TestTargetsAreBounded(t *testing.T) {
	begin := `{"status":"success","data":{"droppedTargets":[{"discoveredLabels":{}}],"activeTargets":[`
	for what, body := range map[string]func(w io.Writer){
		"more than 50000 targets": func(w io.Writer) {
			many := strings.Repeat("{},", 1<<20/3)
			for range 50 {
				io.WriteString(w, many)
			}
			io.WriteString(w, "{}]}}")
		},
		"more than 64 MiB": func(w io.Writer) {
			spaces := strings.Repeat(" ", 1<<20)
			for range 65 {
				if _, err := io.WriteString(w, spaces); err != nil {
					return
				}
			}
			io.WriteString(w, "]}}")
		},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, begin)
			body(w)
		}))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		targets, err := connectTo(t, server.URL, LiveLimits()).Targets(t.Context())
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%d targets, %v; want %s", len(targets), err, what)
		}
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 1024 {
			t.Errorf("%s: %d MiB were allocated", what, used)
		}
		server.Close()
	}
}

func TestTargetsOfAReal(t *testing.T) {
	address, _ := target(t)
	p := startPrometheus(t, address)
	s := dial(t, p.url)
	var targets []Target
	until(t, "scraped", func() bool {
		var err error
		if targets, err = s.Targets(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(targets) == 1 && targets[0].Health == "up"
	})
	got := targets[0]
	if got.Labels["job"] != "x" || got.Labels["instance"] != address || got.Labels["pod"] != "a" || got.Found["__address__"] != address || got.URL != fmt.Sprintf("http://%s/metrics", address) {
		t.Errorf("%+v", got)
	}
}

func FuzzTargets(f *testing.F) {
	for _, text := range []string{`{"status":"success","data":{"activeTargets":[{"labels":{"a":"b"},"discoveredLabels":{"__address__":"x"},"scrapeUrl":"http://x","health":"up"}]}}`,
		`{"status":"success","data":{"activeTargets":null}}`, `{"data":{"activeTargets":[]},"status":"error","error":"x"}`, `{"data":[]}`, `{"status":{}}`, `[]`, `{"warnings":["w"],"data":{},"status":"success"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		targets, _, err := readTargets(body)
		if err == nil && (targets == nil || len(targets) > len(body)) {
			t.Errorf("%q: %d targets", body, len(targets))
		}
	})
}
