package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// state is what a wire does.
type state int32

const (
	passes   state = iota
	slow           // every piece takes slowness
	cut            // connections are reset, and new ones hung up on
	swallows       // half-open: bytes are taken and go nowhere, and nobody is told
)

const slowness = 300 * time.Millisecond

// wire is a TCP connection to somewhere that can fail.
type wire struct {
	listener net.Listener
	to       string
	state    atomic.Int32
	changed  atomic.Pointer[chan struct{}] // closed when the state changes
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	closed   bool
	running  sync.WaitGroup
}

func newWire(t testing.TB, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, conns: map[net.Conn]struct{}{}}
	w.changed.Store(new(make(chan struct{})))
	w.running.Go(w.accept)
	t.Cleanup(func() {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		l.Close()
		w.set(cut)
		w.running.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

// set changes what the wire does from now on; a cut ends what is open, with a
// reset.
func (w *wire) set(s state) {
	w.state.Store(int32(s))
	close(*w.changed.Swap(new(make(chan struct{}))))
	if s != cut {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
}

// keep reports whether a connection may go on; forget it when it ends.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || state(w.state.Load()) == cut {
		c.Close()
		return false
	}
	w.conns[c] = struct{}{}
	return true
}

func (w *wire) forget(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		if w.keep(near) {
			w.running.Go(func() { w.join(near) })
		}
	}
}

// join joins a connection to one of its own to the other side.
func (w *wire) join(near net.Conn) {
	defer w.forget(near)
	far, err := net.Dial("tcp", w.to)
	if err != nil || !w.keep(far) {
		return
	}
	defer w.forget(far)
	var both sync.WaitGroup
	both.Go(func() { w.carry(far, near) })
	both.Go(func() { w.carry(near, far) })
	both.Wait()
}

// carry carries one direction. Where one end hangs up the other is told, unless
// the wire swallows that too.
func (w *wire) carry(to, from net.Conn) {
	piece, lost := make([]byte, 32<<10), false
	for {
		n, err := from.Read(piece)
		changed := *w.changed.Load()
		switch state(w.state.Load()) {
		case slow:
			time.Sleep(slowness)
		case swallows:
			if err != nil {
				<-changed // the other end hears of it when the wire passes again
				break
			}
			lost = true
			continue
		}
		if lost { // TCP gives all of it or none
			err = io.ErrUnexpectedEOF
		}
		if n > 0 && err == nil {
			if _, failed := to.Write(piece[:n]); failed != nil {
				err = failed
			}
		}
		if err != nil {
			to.Close()
			from.Close()
			return
		}
	}
}

// lie is what becomes of an answer.
type lie func(answer *http.Response, body []byte) []byte

// liar stands before a Prometheus and makes something else of its answers to
// queries.
type liar struct {
	url  string
	lie  atomic.Pointer[lie]
	told atomic.Int64 // how often it lied
}

func newLiar(t testing.TB, target string) *liar {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	l := &liar{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("Accept-Encoding", "identity")
		},
		ModifyResponse: l.modify,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(func() { s.Close(); transport.CloseIdleConnections() })
	l.url = s.URL
	return l
}

func (l *liar) says(what lie) {
	if what == nil {
		l.lie.Store(nil)
		return
	}
	l.lie.Store(&what)
}

func (l *liar) modify(answer *http.Response) error {
	what := l.lie.Load()
	if what == nil || !strings.HasPrefix(answer.Request.URL.Path, "/api/v1/query") {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body.Close()
	l.told.Add(1)
	answer.Header.Del("Content-Length")
	answer.ContentLength = -1
	answer.Body = io.NopCloser(strings.NewReader(string((*what)(answer, body))))
	return nil
}
