package main

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// TestSPOEBeyond: on the port of HAProxy's agent, beyond this machine, a certificate says
// who asks; a handshake that fails is a stranger's, and one that succeeds is nobody's.
func TestSPOEBeyond(t *testing.T) {
	state := t.TempDir()
	s := secured(t, "--haproxy-spoe", "0.0.0.0:9091", "--state", state)
	plain := listener(t)
	l := s.spoe(afar{plain})
	began := make(chan func(string) bool)
	go func() {
		defer close(began)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var may func(string) bool
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				may = s.asks(conn)
			}
			conn.Close()
			began <- may
		}
	}()
	asks := func(cfg *tls.Config) func(string) bool {
		t.Helper()
		conn, err := net.Dial("tcp", plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = tls.Client(conn, cfg).Write([]byte{1}) // what comes of it the other end says
		return <-began
	}
	now := time.Now()
	failures := func() float64 {
		for range 60 {
			now = now.Add(100 * time.Millisecond)
			s.guard.Tick(now)
		}
		for _, c := range s.guard.Judge().View().Callers {
			if c.Identity == "strangers" && len(c.Signals) > 0 {
				return c.Signals[0].Value
			}
		}
		return 0
	}
	failures()
	if may := asks(caller(t, state, "/haproxy").ClientTLS("", "localhost")); may == nil || !may("shop") || failures() != 0 {
		t.Error("a proxy may not ask, or is taken for a stranger")
	}
	if may := asks(&tls.Config{InsecureSkipVerify: true}); may != nil || failures() != 1 {
		t.Error("somebody without a certificate may ask, or is not counted")
	}
	l.Close()
	<-began
}
