package lab

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

// pipes is a network of pipes in memory, so that a load and its server can
// live under a clock of the test.
type pipes struct {
	dialled chan net.Conn
	closed  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialled:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.dialled <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// runLoad sends requests, all to endpoint a, to a server that answers with
// serve, under a clock of the test.
func runLoad(t *testing.T, requests []planned, serve http.HandlerFunc, check func(l *load, err error)) {
	synctest.Test(t, func(t *testing.T) {
		network := pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: serve}
		go server.Serve(network)
		defer server.Close()
		s := Service{
			Classes: []Class{
				{Method: "GET", Path: "/quick", Deadline: time.Second},
				{Method: "POST", Path: "/slow", Deadline: 2 * time.Second},
			},
			Endpoints: []Endpoint{{Endpoint: mesh.Endpoint{Name: "a"}}},
		}
		l := newLoad(s, requests, "service", time.Now().Add(time.Second))
		l.transport.DialContext = network.dial
		check(l, l.run(t.Context()))
		l.transport.CloseIdleConnections()
	})
}

// as answers in the name of an endpoint.
func as(w http.ResponseWriter, name string, status int) {
	w.Header().Set(answeredHeader, name)
	w.WriteHeader(status)
}

// TestLoadIsOpen has a server that is slower than the requests come: no
// request waits for an earlier one to be answered.
func TestLoadIsOpen(t *testing.T) {
	requests := []planned{{at: 0}, {at: 100 * time.Millisecond}, {at: 200 * time.Millisecond, class: 1}}
	serve := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(1500 * time.Millisecond)
		} else {
			time.Sleep(900 * time.Millisecond)
		}
		as(w, r.Header.Get(askedHeader), http.StatusOK)
	}
	runLoad(t, requests, serve, func(l *load, err error) {
		if err != nil {
			t.Fatal(err)
		}
		want := []answered{
			{latency: 900 * time.Millisecond, status: 200, done: true},
			{latency: 900 * time.Millisecond, status: 200, done: true},
			{latency: 1500 * time.Millisecond, status: 200, done: true},
		}
		if diff := cmp.Diff(want, l.answers, cmp.AllowUnexported(answered{})); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if l.sent.Load() != 3 || l.broken.Load() != 0 {
			t.Errorf("%d sent, %d broken off; want 3, 0", l.sent.Load(), l.broken.Load())
		}
	})
}

func TestLoadCountsWhatFails(t *testing.T) {
	requests := []planned{{at: 0}, {at: 3 * time.Second}, {at: 6 * time.Second}}
	begun := 0
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch begun++; begun {
		case 1: // no answer before the deadline
			<-r.Context().Done()
		case 2: // no answer at all
			panic(http.ErrAbortHandler)
		case 3:
			time.Sleep(100 * time.Millisecond)
			as(w, "a", http.StatusInternalServerError)
		}
	}
	runLoad(t, requests, serve, func(l *load, err error) {
		if err != nil {
			t.Fatal(err)
		}
		want := []answered{
			{latency: time.Second, done: true},
			{done: true},
			{latency: 100 * time.Millisecond, status: 500, done: true},
		}
		if diff := cmp.Diff(want, l.answers, cmp.AllowUnexported(answered{})); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if l.broken.Load() != 1 {
			t.Errorf("%d broken off; want 1", l.broken.Load())
		}
	})
}

func TestLoadStopsWhenAnotherEndpointAnswers(t *testing.T) {
	requests := []planned{{at: 0}, {at: time.Second}, {at: 2 * time.Second}}
	serve := func(w http.ResponseWriter, r *http.Request) { as(w, "b", http.StatusOK) }
	runLoad(t, requests, serve, func(l *load, err error) {
		if want := `asked a, answered by "b" with status 200`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v; want one with %q", err, want)
		}
		if l.sent.Load() != 1 {
			t.Errorf("%d sent; want 1", l.sent.Load())
		}
	})
}

// TestLoadInterrupted waits for what is under way, and sends nothing more.
func TestLoadInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Service{Classes: []Class{{Method: "GET", Path: "/", Deadline: 5 * time.Second}}, Endpoints: make([]Endpoint, 1)}
		begun := time.Now()
		l := newLoad(s, []planned{{at: 0}, {at: 2 * time.Second}}, "service", begun)
		l.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.run(ctx); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) != 5*time.Second || !l.answers[0].done || l.answers[1].done {
			t.Errorf("ended after %v with answers %+v; want the first one's deadline", time.Since(begun), l.answers)
		}
	})
}

func TestCheckAnswer(t *testing.T) {
	for _, test := range []struct {
		by     string
		status int
		good   bool
	}{
		{"a", 200, true}, {"a", 503, true}, {"b", 200, false}, {"b", 503, false}, {"", 200, false},
		{"", 503, true}, {"", 502, true}, {"", 504, true}, {"", 500, false}, {"", 404, false},
	} {
		if err := checkAnswer("a", test.by, test.status); (err == nil) != test.good {
			t.Errorf("asked a, answered by %q with %d: %v", test.by, test.status, err)
		}
	}
	if err := checkAnswer("a", "b", 200); err == nil || !strings.Contains(err.Error(), askedHeader) {
		t.Errorf("the error does not say what was not obeyed: %v", err)
	}
}
