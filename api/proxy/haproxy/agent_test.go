package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTable(t testing.TB) *router.Table {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte(`
services:
  - name: web
    endpoints: [{name: b1}, {name: b2}, {name: b3}]
  - name: other
    endpoints: [{name: b3}, {name: o1}]
`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
}

func publish(table *router.Table, weights ...float64) {
	d := &router.Decision{Service: "web", Time: time.Unix(1000, 0), Source: router.SourceModel, Weights: weights, Ejected: make([]bool, len(weights))}
	f := &features.Frame{Window: mesh.Window{Service: "web", Time: d.Time, End: d.Time, Schema: &mesh.Schema{}}}
	for i := range weights {
		d.Endpoints = append(d.Endpoints, mesh.Endpoint{Name: fmt.Sprint("b", i+1)})
		d.Ejected[i] = weights[i] == 0
	}
	f.Endpoints = d.Endpoints
	table.Publish(d, f)
}

func TestPercent(t *testing.T) {
	table := newTable(t)
	ask := func(names ...string) (got []int) {
		for _, name := range names {
			got = append(got, Percent(table, name))
		}
		return got
	}
	if got := fmt.Sprint(ask("web/b1", "b1", "b2")); got != "[100 100 100]" {
		t.Errorf("equal weights: %v", got)
	}
	publish(table, 0.5, 0.185, 0.315)
	if got := fmt.Sprint(ask("web/b1", "b2", "web/b3")); got != "[100 37 63]" {
		t.Errorf("weights: %v", got)
	}
	publish(table, 0.999, 0.001, 0)
	if got := fmt.Sprint(ask("b1", "b2", "web/b3")); got != "[100 1 0]" {
		t.Errorf("small, and ejected: %v", got)
	}
	if got := fmt.Sprint(ask("b3", "b9", "web/o1", "nobody/b1", "", "/")); got != "[100 100 100 100 100 100]" {
		t.Errorf("ambiguous and unknown names: %v", got)
	}
}

// TestPercentOfGone: a server that discovery has no more is no unknown one, which would
// get as much as the best.
func TestPercentOfGone(t *testing.T) {
	table := newTable(t)
	know := func(names ...string) {
		s := &discovery.Service{Name: "found", Source: "file"}
		for _, name := range names {
			s.Endpoints = append(s.Endpoints, discovery.Endpoint{Endpoint: mesh.Endpoint{Name: name}})
		}
		table.Know(discovery.NewSnapshot(1, []*discovery.Service{s}))
	}
	for _, c := range []struct{ has, want string }{{"f1 f2", "[100 100 100]"}, {"f2", "[0 0 100]"}, {"f1 f2", "[100 100 100]"}, {"", "[100 100 100]"}} {
		know(strings.Fields(c.has)...)
		if got := fmt.Sprint([]int{Percent(table, "found/f1"), Percent(table, "f1"), Percent(table, "found/f2")}); got != c.want {
			t.Errorf("there is %q: f1, by both names, and f2 have %s; want %s", c.has, got, c.want)
		}
	}
}

// start serves the table until stop is called.
func start(t testing.TB, table *router.Table) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, table, nil) }()
	return l.Addr().String(), func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestAlwaysAnswers sends what HAProxy would and would not.
func TestAlwaysAnswers(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.185, 0.315)
	address, stop := start(t, table)
	defer stop()
	for _, test := range []struct{ name, send, want string }{
		{"a server", "web/b2\n", "ready up 37%\n"},
		{"with a carriage return", "web/b2\r\n", "ready up 37%\n"},
		{"unknown", "who\n", "ready up 100%\n"},
		{"empty", "\n", "ready up 100%\n"},
		{"no end", "web/b2", "ready up 37%\n"}, // the test closes its side
		{"nothing", "", "ready up 100%\n"},
		{"too long", strings.Repeat("x", longest) + "\n", "ready up 100%\n"},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, test.send)
		if !strings.HasSuffix(test.send, "\n") {
			conn.(*net.TCPConn).CloseWrite()
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if line != test.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", test.name, line, err, test.want)
		}
		conn.Close()
	}
}

// TestSilentCaller: a configuration without agent-send gets an answer too.
func TestSilentCaller(t *testing.T) {
	address, stop := start(t, newTable(t))
	defer stop()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := io.ReadAll(conn)
	if string(answer) != "ready up 100%\n" || err != nil {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(t.Context(), l, newTable(t), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func ExamplePercent() {
	table := newTable(&testing.T{})
	publish(table, 0.5, 0.25, 0.25)
	fmt.Println(Percent(table, "web/b1"), Percent(table, "web/b2"))
	// Output: 100 50
}
