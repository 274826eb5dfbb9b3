package prom

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// flaky stands before a server. Each different request meets the faults in
// turn, and passes after the last one.
type flaky struct {
	t      *testing.T
	proxy  http.Handler
	faults []func(http.ResponseWriter, *http.Request)

	mu     sync.Mutex
	tries  map[string]int
	passed map[string]int
	busy   int
	most   int // requests at once
	bound  int // more than which there should not be
}

func startFlaky(t *testing.T, to string, faults ...func(http.ResponseWriter, *http.Request)) (*flaky, string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{t: t, proxy: httputil.NewSingleHostReverseProxy(u), faults: faults, tries: map[string]int{}, passed: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	key := r.URL.Path + "?" + string(body)
	f.mu.Lock()
	try := f.tries[key]
	f.tries[key]++
	f.busy++
	f.mu.Unlock()
	f.count()
	defer func() { f.mu.Lock(); f.busy--; f.mu.Unlock() }()
	if try < len(f.faults) {
		f.faults[try](w, r)
		return
	}
	f.proxy.ServeHTTP(w, r)
	f.mu.Lock()
	f.passed[key]++
	f.mu.Unlock()
}

// count looks how many requests there are at once. One is here a moment longer than it
// is to its caller, who has the answer or has left: who seems one too many is looked at
// again for a second, which is less than those that hang take.
func (f *flaky) count() {
	for tries := 0; ; tries++ {
		f.mu.Lock()
		if f.busy <= f.most || f.busy <= f.bound || tries == 100 {
			f.most = max(f.most, f.busy)
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "busy", http.StatusServiceUnavailable)
}

func tooMany(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "slow down", http.StatusTooManyRequests)
}

func reset(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `{"status":"success","data":{"resul`)
}
