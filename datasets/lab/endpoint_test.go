package lab

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// testSpec is an endpoint of two workers that takes 100 ms on average, and
// lets three requests wait.
func testSpec() Spec {
	return Spec{
		Endpoint: Endpoint{Endpoint: mesh.Endpoint{Name: "a"}, ServiceTime: 100 * time.Millisecond, Workers: 2, Queue: 3},
		Classes:  []Class{{Name: "normal", Method: "GET", Path: "/x", Share: 1, Cost: 1, Deadline: time.Second}},
		Seed:     1,
	}
}

func ask(endpoint http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	endpoint.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

// many asks n times, one after the other, and returns the part of each status
// and the mean seconds of an answer.
func many(endpoint http.Handler, n int) (status map[int]float64, mean float64) {
	status = map[int]float64{}
	begun := time.Now()
	for range n {
		status[ask(endpoint, "GET", "/x", "").Code] += 1 / float64(n)
	}
	return status, time.Since(begun).Seconds() / float64(n)
}

func TestEndpointUnderItsKnobs(t *testing.T) {
	for _, test := range []struct {
		knobs        string
		status       int
		ratio        float64
		low, high    float64 // of the mean seconds
		onlyInMetric string
	}{
		{`{}`, 200, 1, 0.09, 0.11, `http_server_workers 2`},
		{`{"Slowdown":4}`, 200, 1, 0.36, 0.44, `http_server_workers 2`},
		{`{"Slowdown":0.1}`, 200, 1, 0.09, 0.11, `http_server_workers 2`},
		{`{"ErrorRatio":0.3}`, 500, 0.3, 0.09, 0.11, `class="normal",code="500"`},
		{`{"FastFailure":0.8}`, 503, 0.8, 0.015, 0.027, `class="normal",code="503"`},
		{`{"LostWorkers":0.5}`, 200, 1, 0.09, 0.11, `http_server_workers 1`},
		{`{"HeldWorkers":0.5}`, 200, 1, 0.09, 0.11, `http_server_workers_busy 1`},
		{`{"HeldWorkers":1,"LeakedMB":3}`, 200, 1, 0.09, 0.11, `http_server_workers_busy 1`},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newEndpoint(testSpec())
			if w := ask(e, "PUT", knobsPath, test.knobs); w.Code != http.StatusOK {
				t.Fatalf("%s: status %d: %s", test.knobs, w.Code, w.Body)
			}
			const n = 500
			status, mean := many(e, n)
			if !near(status[test.status], test.ratio, n) {
				t.Errorf("%s: statuses %v; want %v of %d", test.knobs, status, test.ratio, test.status)
			}
			if mean < test.low || mean > test.high {
				t.Errorf("%s: %.3f s on average; want within [%v, %v]", test.knobs, mean, test.low, test.high)
			}
			if text := ask(e, "GET", "/metrics", "").Body.String(); !strings.Contains(text, test.onlyInMetric) {
				t.Errorf("%s: no %q in the metrics:\n%s", test.knobs, test.onlyInMetric, text)
			}
			// What was wrong is gone with the knobs.
			ask(e, "PUT", knobsPath, `{}`)
			if status, mean := many(e, 200); !near(status[200], 1, 200) || mean > 0.12 {
				t.Errorf("after %s: statuses %v, %.3f s on average; want health", test.knobs, status, mean)
			}
		})
	}
}

// TestEndpointUnderPressure sends more at once than the endpoint can hold.
func TestEndpointUnderPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(testSpec())
		var (
			mu     sync.Mutex
			status = map[int]int{}
			asked  sync.WaitGroup
			begun  = time.Now()
		)
		for range 9 {
			asked.Go(func() {
				code := ask(e, "GET", "/x", "").Code
				mu.Lock()
				defer mu.Unlock()
				status[code]++
			})
		}
		synctest.Wait()
		text := ask(e, "GET", "/metrics", "").Body.String()
		for _, want := range []string{"http_server_in_flight_requests 5", "http_server_queue_length 3", "http_server_workers_busy 2"} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("no %q in the metrics:\n%s", want, text)
			}
		}
		asked.Wait()
		// Two workers serve two, three wait, four are refused.
		if status[200] != 5 || status[503] != 4 {
			t.Errorf("statuses %v; want 5 of 200, 4 of 503", status)
		}
		if took := time.Since(begun); took < 150*time.Millisecond || took > time.Second {
			t.Errorf("five requests on two workers took %v", took)
		}
		text = ask(e, "GET", "/metrics", "").Body.String()
		for _, want := range []string{
			"http_server_in_flight_requests 0", "http_server_queue_length 0", "http_server_request_duration_seconds_count 9",
			`http_server_requests_total{class="normal",code="503"} 4`,
		} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("no %q in the metrics:\n%s", want, text)
			}
		}
	})
}

func TestEndpointRefuses(t *testing.T) {
	e := newEndpoint(testSpec())
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/y", "", http.StatusNotFound},
		{"POST", "/x", "", http.StatusNotFound},
		{"PUT", knobsPath, "{", http.StatusBadRequest},
		{"GET", knobsPath, "", http.StatusNotFound},
	} {
		if got := ask(e, test.method, test.path, test.body).Code; got != test.want {
			t.Errorf("%s %s: status %d; want %d", test.method, test.path, got, test.want)
		}
	}
}

func TestServeEndpoint(t *testing.T) {
	lease, err := leasePorts()
	if err != nil {
		t.Fatal(err)
	}
	defer lease.release()
	spec := testSpec()
	spec.Address = lease.address()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeEndpoint(ctx, spec) }()
	m := &running{client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, children: &children{}}
	if err := m.await(t.Context(), "the endpoint", m.answers("http://"+spec.Address+"/metrics")); err != nil {
		t.Fatal(err)
	}
	if err := ServeEndpoint(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "endpoint a: ") {
		t.Errorf("a second one on the same address: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("after the end of its context: %v", err)
	}
}
