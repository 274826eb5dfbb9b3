package haproxy

import (
	"context"
	"net"
	"strconv"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestReadEnd(t *testing.T) {
	for _, test := range []struct {
		line     string
		number   int64
		status   int64
		endpoint string
	}{
		{"fairway-done 17 200 b1", 17, 200, "b1"},
		{"GET /x HTTP/1.1 fairway-done 17 503 b1\n", 17, 503, "b1"},
		{"fairway-done 17 -1 <NOSRV>", 17, -1, "<NOSRV>"},
		{"GET /fairway-done%201%20200%20b1 fairway-done 17 200 b2", 17, 200, "b2"},
		{"GET /fairway-done 1 200 b1 fairway-done - 200 b2", 0, 0, ""},
		{"fairway-done - 200 b1", 0, 0, ""},
		{"fairway-done -3 200 b1", 0, 0, ""},
		{"fairway-done 17 x b1", 17, 0, "b1"},
		{"fairway-done 17", 0, 0, ""},
		{"fairway-done ", 0, 0, ""},
		{"", 0, 0, ""},
	} {
		if number, status, endpoint := readEnd(test.line); number != test.number || status != test.status || endpoint != test.endpoint {
			t.Errorf("%q: %d, %d, %q", test.line, number, status, endpoint)
		}
	}
}

func FuzzReadEnd(f *testing.F) {
	f.Add("GET / fairway-done 17 200 b1")
	f.Fuzz(func(t *testing.T, line string) {
		if number, _, _ := readEnd(line); number < 0 {
			t.Errorf("%q: %d", line, number)
		}
	})
}

// TestServeEnds: datagrams end requests, nonsense between them does not stop it.
func TestServeEnds(t *testing.T) {
	table := newTable(t)
	publish(table, 1, 0, 0)
	s, _, _, _ := agentOf(t, table, "127.0.0.1:0")
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.ServeEnds(ctx, conn) }()
	routes := table.Load("web")
	service := s.flights.fleet(routes)
	a, to := s.choose(routes, service, &mesh.Request{Service: "web"}, s.cfg.Clock())
	number := s.flights.begin(service, to, s.cfg.Clock())
	if n := inFlightOf(s); n != 1 || a.Endpoint != 0 {
		t.Fatalf("%d in flight, to %d", n, a.Endpoint)
	}
	out, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	poll(t, func() bool {
		for _, line := range []string{"nonsense", "", "fairway-done 999 200 b1", "x fairway-done " + strconv.FormatInt(number, 10) + " 200 b1"} {
			if _, err := out.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		return inFlightOf(s) == 0
	}, func() string { return "the end is not taken" })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
