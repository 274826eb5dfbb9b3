package haproxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// ruledTable leads jason to b3, and shares all else between b1 and b2 in subset v1, 90 %,
// and b3 in v2.
func ruledTable(t testing.TB) *router.Table {
	t.Helper()
	return parsed(t, `
services:
  - name: web
    endpoints: [{name: b1, subset: v1, address: "127.0.0.1:1"}, {name: b2, subset: v1}, {name: b3, subset: v2}]
    routes:
      - {name: jason, match: {headers: {x-user: jason}}, to: v2}
      - {name: all, match: {path: /all}}
      - {name: split, to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]}
`)
}

func parsed(t testing.TB, text string) *router.Table {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
}

// pair is a text or a number with a name.
type argument struct {
	name  string
	value any
}

func kv(b []byte, arguments ...argument) []byte {
	for _, a := range arguments {
		b = appendText(b, a.name)
		switch v := a.value.(type) {
		case string:
			b = appendString(b, v)
		case int:
			b = appendUint32(b, uint32(v))
		case int64:
			b = appendVarint(append(b, typeInt64), uint64(v))
		case bool:
			if v {
				b = append(b, typeBool|flagTrue)
			} else {
				b = append(b, typeBool)
			}
		case nil:
			b = append(b, typeNull)
		}
	}
	return b
}

func helloFrame(arguments ...argument) []byte {
	return end(kv(begin(nil, haproxyHello, 0, 0), arguments...), 0)
}

var usual = []argument{{"supported-versions", "2.0"}, {"max-frame-size", 16380}, {"capabilities", "pipelining,async"}}

func question(stream uint64, name string, arguments ...argument) []byte {
	b := appendText(begin(nil, notify, stream, 1), name)
	return end(kv(append(b, byte(len(arguments))), arguments...), 0)
}

// dialog is a connection to an agent.
type dialog struct {
	*testing.T
	net.Conn
}

func (d dialog) send(frames ...[]byte) {
	d.Helper()
	if _, err := d.Write(bytes.Join(frames, nil)); err != nil {
		d.Fatal(err)
	}
}

func (d dialog) read() frame {
	d.Helper()
	d.SetReadDeadline(time.Now().Add(30 * time.Second))
	length := make([]byte, 4)
	if _, err := io.ReadFull(d, length); err != nil {
		d.Fatal(err)
	}
	text := make([]byte, binary.BigEndian.Uint32(length))
	if _, err := io.ReadFull(d, text); err != nil {
		d.Fatal(err)
	}
	f, ok := readFrame(string(text))
	if !ok {
		d.Fatalf("no frame: %q", text)
	}
	return f
}

// code is that of a disconnect, after which the connection is closed.
func (d dialog) code() int {
	d.Helper()
	f := d.read()
	r := fields{rest: f.payload}
	if name := r.text(); f.kind != agentDisconnect || name != "status-code" {
		d.Fatalf("got %+v; want a disconnect", f)
	}
	code := int(r.value().number)
	if name, why := r.text(), r.value().text; name != "message" || why == "" || r.bad {
		d.Errorf("code %d says %q: %q", code, name, why)
	}
	if n, err := d.Read(make([]byte, 1)); n != 0 || err == nil {
		d.Error("more follows a disconnect")
	}
	return code
}

// variables are what an ACK sets.
func variables(t *testing.T, f frame) map[string]string {
	t.Helper()
	all := map[string]string{}
	for r := (fields{rest: f.payload}); r.rest != ""; {
		action, n, scope, name, v := r.byte(), r.byte(), r.byte(), r.text(), r.value()
		if r.bad || action != 1 || n != 3 || scope != 2 || f.kind != ack || f.flags != flagFIN {
			t.Fatalf("no such action: %+v", f)
		}
		if all[name] = v.text; v.kind != typeString {
			all[name] = fmt.Sprint(v.number)
		}
	}
	return all
}

// dial begins a dialog with an agent of the table.
func dial(t *testing.T, table *router.Table) dialog {
	t.Helper()
	_, _, address, _ := agentOf(t, table, "127.0.0.1:0")
	return dialTo(t, address)
}

func dialTo(t *testing.T, address string) dialog {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return dialog{t, conn}
}

func TestHello(t *testing.T) {
	for _, test := range []struct {
		name string
		send []byte
		code int
	}{
		{"no versions", helloFrame(usual[1:]...), noVersion},
		{"no frame size", helloFrame(usual[0], usual[2]), noFrameSize},
		{"no capabilities", helloFrame(usual[:2]...), noCapability},
		{"other version", helloFrame(argument{"supported-versions", "1.0, 3.1"}, usual[1], usual[2]), otherVersion},
		{"small frames", helloFrame(usual[0], argument{"max-frame-size", 255}, usual[2]), badFrameSize},
		{"a question first", question(1, decideMessage), invalid},
		{"long frame", []byte{0xff, 0xff, 0xff, 0xff}, tooBig},
		{"cut values", end(append(begin(nil, haproxyHello, 0, 0), 200, 'x'), 0), invalid},
		{"empty", []byte{0, 0, 0, 0}, invalid},
	} {
		d := dial(t, newTable(t))
		d.send(test.send)
		if code := d.code(); code != test.code {
			t.Errorf("%s: code %d; want %d", test.name, code, test.code)
		}
	}
}

func TestHelloAgrees(t *testing.T) {
	d := dial(t, newTable(t))
	d.send(helloFrame(append(usual, argument{"engine-id", "x"})...))
	f := d.read()
	want := kv(nil, argument{"version", "2.0"}, argument{"max-frame-size", 16380}, argument{"capabilities", "pipelining"})
	if f.kind != agentHello || f.payload != string(want) {
		t.Errorf("got %+v; want %q", f, want)
	}
	// Now frames may not be longer.
	d.send([]byte{0, 0, 0x40, 0})
	if code := d.code(); code != tooBig {
		t.Errorf("a frame of 16384 bytes: code %d", code)
	}
	d = dial(t, newTable(t)) // a health check
	d.send(helloFrame(append(usual, argument{"healthcheck", true})...))
	if f := d.read(); f.kind != agentHello {
		t.Errorf("a health check is answered %+v", f)
	}
	if _, err := d.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after a health check: %v; want the end", err)
	}
}

// greeted is a dialog after the hello.
func greeted(t *testing.T, table *router.Table) dialog {
	t.Helper()
	d := dial(t, table)
	d.send(helloFrame(usual...))
	d.read()
	return d
}

func TestDecideMessage(t *testing.T) {
	d := greeted(t, ruledTable(t))
	web := argument{"service", "web"}
	for _, test := range []struct {
		name string
		send []byte
		want string
	}{
		{"a header", question(7, decideMessage, web, argument{"header.X-User", "jason"}), "b3 v2 jason"},
		{"all headers", question(7, decideMessage, web, argument{"headers", "host: x\r\nX-User: jason\r\n\r\n"}), "b3 v2 jason"},
		{"nobody", question(7, decideMessage, argument{"service", "who"}), "  "},
		{"nothing", question(7, decideMessage), "  "},
		{"another message", question(7, "fairway-else", web), "  "},
	} {
		d.send(test.send)
		f := d.read()
		v := variables(t, f)
		if got := v["endpoint"] + " " + v["subset"] + " " + v["route"]; got != test.want || f.stream != 7 || f.id != 1 {
			t.Errorf("%s: %q of stream %d; want %q of 7", test.name, got, f.stream, test.want)
		}
		if v["request"] != "" {
			t.Errorf("%s: a request whose end is not told is followed", test.name)
		}
	}
	d.send(question(7, decideMessage, web, argument{"header.x-user", nil}, argument{"tracked", true}, argument{"session", "s"}))
	if v := variables(t, d.read()); v["route"] != "split" || v["timeout"] != "30000" || v["source"] != "RULES" || v["propensity"] == "" || v["request"] == "" {
		t.Errorf("got %v", v)
	}
}

// TestPipelined: many questions in one piece are answered in their order, also when
// the last one comes in two.
func TestPipelined(t *testing.T) {
	d := greeted(t, newTable(t))
	var all []byte
	const n = 1000
	for i := range uint64(n) {
		all = append(all, question(i+1000, decideMessage, argument{"service", "web"}, argument{"path", strings.Repeat("x", int(i))})...)
	}
	go func() {
		d.Conn.Write(all[:len(all)-5])
		d.Conn.Write(all[len(all)-5:])
	}()
	for i := range uint64(n) {
		if f := d.read(); f.stream != i+1000 {
			t.Fatalf("answer %d is of stream %d", i, f.stream)
		}
	}
	d.send(end(begin(nil, haproxyDisconnect, 0, 0), 0))
	if code := d.code(); code != normal {
		t.Errorf("code %d", code)
	}
}

func TestNonsense(t *testing.T) {
	part := question(1, decideMessage)
	part[8] = 0 // no FIN
	for _, test := range []struct {
		name string
		send []byte
		code int
	}{
		{"a part of a message", part, fragmentation},
		{"a later part", end(begin(nil, unset, 1, 1), 0), fragmentation},
		{"too few arguments", end(append(appendText(begin(nil, notify, 1, 1), decideMessage), 3), 0), invalid},
		{"no message", end(append(begin(nil, notify, 1, 1), 200), 0), invalid},
	} {
		d := greeted(t, newTable(t))
		d.send(test.send)
		if code := d.code(); code != test.code {
			t.Errorf("%s: code %d; want %d", test.name, code, test.code)
		}
	}
	d := greeted(t, newTable(t))
	d.send(end(begin(nil, 77, 1, 1), 0), question(3, decideMessage, argument{"service", "web"})) // unknown frames are skipped
	if f := d.read(); f.stream != 3 {
		t.Errorf("got %+v", f)
	}
}

// TestStops: a connection that is silent ends in time, as all do with ctx, and there
// are no more than agreed.
func TestStops(t *testing.T) {
	cfg := DefaultSPOEConfig()
	cfg.Idle, cfg.MaxConnections = 20*time.Millisecond, 1
	reg := prometheus.NewRegistry()
	s, err := NewSPOE(newTable(t), proxy.NewMetrics(reg), nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	d := dialTo(t, l.Addr().String())
	d.send(helloFrame(usual...))
	d.read()
	if code := d.code(); code != timedOut {
		t.Errorf("silent: code %d", code)
	}
	poll(t, func() bool { return s.open.Load() == 0 }, func() string { return "the connection does not end" })
	one := dialTo(t, l.Addr().String())
	poll(t, func() bool { return s.open.Load() == 1 }, func() string { return "the connection does not begin" })
	other := dialTo(t, l.Addr().String())
	if _, err := other.Read(make([]byte, 1)); err == nil {
		t.Error("a connection too many is served")
	}
	cancel()
	if code := one.code(); code != normal {
		t.Errorf("at the end: code %d", code)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := counted(t, reg, "fairway_proxy_fail_open_total", "refused"); n != 1 {
		t.Errorf("%v refused; want 1", n)
	}
}

func TestSPOEConfig(t *testing.T) {
	for _, spoil := range []func(*SPOEConfig){
		func(c *SPOEConfig) { c.MaxConnections = 0 }, func(c *SPOEConfig) { c.MaxFrame = 255 }, func(c *SPOEConfig) { c.MaxInFlight = 0 },
		func(c *SPOEConfig) { c.Idle = 0 }, func(c *SPOEConfig) { c.Lost = -1 }, func(c *SPOEConfig) { c.Clock = nil },
	} {
		cfg := DefaultSPOEConfig()
		spoil(&cfg)
		if _, err := NewSPOE(newTable(t), nil, nil, cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func TestVarint(t *testing.T) {
	for _, v := range []uint64{0, 239, 240, 2287, 2288, 264431, 264432, 33818863, 33818864, math.MaxUint32, math.MaxInt64, math.MaxUint64} {
		b := appendVarint(nil, v)
		r := fields{rest: string(b)}
		if got := r.varint(); got != v || r.bad || r.rest != "" {
			t.Errorf("%d is written %x and read %d, %v", v, b, got, r.bad)
		}
	}
	if got := fmt.Sprintf("%x", appendVarint(nil, 2288)); got != "f08000" { // doc/SPOE.txt, section 3.1
		t.Errorf("2288 is %s", got)
	}
}

// TestGrants: who may not ask about a service is told nothing of it.
func TestGrants(t *testing.T) {
	cfg := DefaultSPOEConfig()
	cfg.Grants = func(conn net.Conn) func(string) bool {
		return func(service string) bool { return service == "web" && conn != nil }
	}
	reg := prometheus.NewRegistry()
	s, err := NewSPOE(newTable(t), proxy.NewMetrics(reg), reg, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	d := dialTo(t, l.Addr().String())
	d.send(helloFrame(usual...))
	d.read()
	for service, want := range map[string]string{"web": "", "other": "not_allowed"} {
		d.send(question(1, decideMessage, argument{"service", service}))
		got := variables(t, d.read())
		if (got["endpoint"] != "") != (want == "") || want != "" && got["reason"] != want {
			t.Errorf("%s: %v", service, got)
		}
	}
	if n := counted(t, reg, "fairway_proxy_fail_open_total", "haproxy-spoe"); n != 1 {
		t.Errorf("%v refusals are counted; want 1", n)
	}
}
