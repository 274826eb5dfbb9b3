package dns

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ discovery.Source = (*Source)(nil)

// zone is a real DNS server on a loopback port, by UDP and TCP, whose answers change.
type zone struct {
	t       testing.TB
	address string

	mu      sync.Mutex
	records map[string][]string // by "NAME TYPE": records in the form of a zone file
	codes   map[string]int      // by name: answers that are none
	beside  []string            // in addition, with every SRV answer
	strange func(answer *dns.Msg, network string) *dns.Msg
	asked   map[string]int // by "NAME TYPE NETWORK"
}

func serve(t testing.TB) *zone {
	t.Helper()
	z := &zone{t: t, records: map[string][]string{}, codes: map[string]int{}, asked: map[string]int{}}
	packets, listener := bothPorts(t)
	z.address = packets.LocalAddr().String()
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: listener, Handler: z}} {
		up, down := make(chan struct{}), make(chan error, 1)
		server.NotifyStartedFunc = func() { close(up) }
		go func() { down <- server.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { server.Shutdown(); <-down })
	}
	return z
}

// bothPorts is one number that is free by UDP and by TCP.
func bothPorts(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for try := 0; ; try++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		packets, err := net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			return packets, listener
		}
		listener.Close()
		if try == 20 {
			t.Fatal(err)
		}
	}
}

// set replaces what the zone says of names: records as in a zone file.
func (z *zone) set(records ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	clear(z.records)
	clear(z.codes)
	for _, text := range records {
		r, err := dns.NewRR(text)
		if err != nil {
			z.t.Fatal(err)
		}
		key := r.Header().Name + " " + dns.TypeToString[r.Header().Rrtype]
		z.records[key] = append(z.records[key], text)
		z.records[r.Header().Name] = nil // it exists
	}
}

func (z *zone) fail(name string, code int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.codes[name] = code
}

func (z *zone) odd(f func(answer *dns.Msg, network string) *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.strange = f
}

func (z *zone) all() string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return fmt.Sprint(z.asked)
}

func (z *zone) count(question string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[question]
}

// ServeDNS implements dns.Handler.
func (z *zone) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	q, network := m.Question[0], w.LocalAddr().Network()
	z.asked[fmt.Sprintf("%s %s %s", q.Name, dns.TypeToString[q.Qtype], network)]++
	answer := new(dns.Msg).SetReply(m)
	answer.RecursionAvailable = true
	answer.Answer = z.chain(q.Name, q.Qtype)
	if _, exists := z.records[q.Name]; !exists {
		answer.Rcode = dns.RcodeNameError
	}
	if code, ok := z.codes[q.Name]; ok {
		answer.Rcode, answer.Answer = code, nil
	}
	if q.Qtype == dns.TypeSRV {
		answer.Extra = append(answer.Extra, z.parse(z.beside)...)
	}
	if len(answer.Answer) == 0 {
		answer.Ns = z.parse([]string{"example. 7 IN SOA ns.example. root.example. 1 2 3 4 5"})
	}
	if network == "udp" {
		size := dns.MinMsgSize
		if e := m.IsEdns0(); e != nil {
			size = int(e.UDPSize())
		}
		answer.Truncate(size)
	}
	if z.strange != nil {
		answer = z.strange(answer, network)
	}
	if answer != nil {
		w.WriteMsg(answer)
	}
}

// chain is the records of a name, through its aliases.
func (z *zone) chain(name string, kind uint16) []dns.RR {
	out := z.parse(z.records[name+" "+dns.TypeToString[kind]])
	if alias := z.parse(z.records[name+" CNAME"]); len(out) == 0 && len(alias) > 0 {
		return append(alias, z.chain(alias[0].(*dns.CNAME).Target, kind)...)
	}
	return out
}

func (z *zone) parse(records []string) []dns.RR {
	var out []dns.RR
	for _, text := range records {
		r, err := dns.NewRR(text)
		if err != nil {
			z.t.Error(err)
		}
		out = append(out, r)
	}
	return out
}

// fast asks z again and again.
func fast(t testing.TB, z *zone, names ...string) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Server, cfg.Least, cfg.Most, cfg.Timeout = z.address, 10*time.Millisecond, 20*time.Millisecond, 10*time.Second
	for _, text := range names {
		n, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Names = append(cfg.Names, n)
	}
	return cfg
}

func watching(t testing.TB, cfg Config) *sinktest.Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sink, _ := sinktest.Watch(t, s)
	return sink
}

func TestAddresses(t *testing.T) {
	z := serve(t)
	z.set("reviews.example. 0 IN A 127.0.1.2", "reviews.example. 0 IN A 127.0.1.1", "reviews.example. 0 IN AAAA fd00::1",
		"six.example. 0 IN CNAME alias.example.", "alias.example. 0 IN AAAA fd00::2")
	sink := watching(t, fast(t, z, "reviews.example:80", "shop=six.example:81"))
	s := sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	if !s.Has("reviews.example", "127.0.1.1:80=127.0.1.1:80", "127.0.1.2:80=127.0.1.2:80") || !s.Has("shop", "[fd00::2]:81=[fd00::2]:81") {
		t.Errorf("%s", s)
	}
	if got := s.Services["reviews.example"]; !slices.Equal(got.Names, []string{"reviews"}) || got.Source != "dns" || got.Port.Number != 80 || !slices.Equal(got.Endpoints[0].Names, []string{"127.0.1.1"}) || got.Time.IsZero() {
		t.Errorf("%+v", got)
	}
	if got := s.Services["shop"]; !slices.Equal(got.Names, []string{"six", "six.example"}) || !slices.Equal(got.Endpoints[0].Names, []string{"fd00::2"}) {
		t.Errorf("%+v", got)
	}
	z.set("reviews.example. 0 IN A 127.0.1.3", "six.example. 0 IN A 127.0.1.4")
	s = sink.Until(t, "changed", func(s *sinktest.State) bool {
		return s.Has("reviews.example", "127.0.1.3:80=127.0.1.3:80") && s.Has("shop", "127.0.1.4:81=127.0.1.4:81")
	})
	// What does not change is not told again.
	before := z.count("reviews.example. A udp")
	for z.count("reviews.example. A udp") < before+3 {
		time.Sleep(time.Millisecond)
	}
	if again := sink.State(); len(again.Words) != len(s.Words) || again.Trouble != nil {
		t.Errorf("%s", again)
	}
}

func TestFamilies(t *testing.T) {
	z := serve(t)
	z.set("a.example. 9 IN A 127.0.1.1", "a.example. 7 IN AAAA fd00::1", "b.example. 9 IN A 127.0.1.2",
		"_http._tcp.a.example. 60 IN SRV 0 0 80 a.example.")
	for _, test := range []struct {
		family, name, want string
		ttl                time.Duration
	}{
		{Auto, "a.example:80", "[127.0.1.1:80]", 9 * time.Second},
		{IPv4, "a.example:80", "[127.0.1.1:80]", 9 * time.Second},
		{IPv6, "a.example:80", "[[fd00::1]:80]", 7 * time.Second},
		{IPv6, "b.example:80", "[]", 5 * time.Second}, // as the SOA says
		{Both, "a.example:80", "[127.0.1.1:80 [fd00::1]:80]", 7 * time.Second},
		{Both, "b.example:80", "[127.0.1.2:80]", 9 * time.Second},
		{Both, "_http._tcp.a.example", "[127.0.1.1:80]", 7 * time.Second}, // one host
	} {
		cfg := fast(t, z, test.name)
		cfg.Family = test.family
		a := &asker{cfg, make(chan struct{}, mostAtOnce)}
		r, err := a.resolve(t.Context(), cfg.Names[0])
		if err != nil {
			t.Fatal(err)
		}
		addresses := []string{}
		for _, e := range r.endpoints {
			addresses = append(addresses, e.Address)
		}
		if got := fmt.Sprint(addresses); got != test.want || r.ttl != test.ttl || r.denied {
			t.Errorf("%s of %s: %s for %s, denied %t; want %s for %s", test.family, test.name, got, r.ttl, r.denied, test.want, test.ttl)
		}
	}
}

func TestSRV(t *testing.T) {
	z := serve(t)
	z.set("_http._tcp.reviews.default.svc.cluster.local. 0 IN SRV 10 5 8080 reviews-1.reviews.default.svc.cluster.local.",
		"_http._tcp.reviews.default.svc.cluster.local. 0 IN SRV 10 95 8081 reviews-0.reviews.default.svc.cluster.local.",
		"_http._tcp.reviews.default.svc.cluster.local. 0 IN SRV 10 0 0 reviews-1.reviews.default.svc.cluster.local.",
		"_http._tcp.reviews.default.svc.cluster.local. 0 IN SRV 10 0 80 many.example.",
		"_http._tcp.reviews.default.svc.cluster.local. 0 IN SRV 10 0 80 nothing.example.",
		"_http._tcp.reviews.default.svc.cluster.local. 0 IN SRV 20 0 80 standby.example.",
		"reviews-1.reviews.default.svc.cluster.local. 0 IN A 127.0.1.1", "reviews-0.reviews.default.svc.cluster.local. 0 IN A 127.0.1.99",
		"many.example. 0 IN A 127.0.1.7", "many.example. 0 IN A 127.0.1.8", "standby.example. 0 IN A 127.0.1.9")
	z.mu.Lock()
	z.beside = []string{"reviews-0.reviews.default.svc.cluster.local. 0 IN A 127.0.1.2"}
	z.mu.Unlock()
	sink := watching(t, fast(t, z, "_http._tcp.reviews.default.svc.cluster.local"))
	s := sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	const name = "reviews.default.svc.cluster.local"
	if !s.Has(name, "127.0.1.7:80=127.0.1.7:80", "127.0.1.8:80=127.0.1.8:80", "reviews-0.reviews.default.svc.cluster.local:8081=127.0.1.2:8081",
		"reviews-1.reviews.default.svc.cluster.local:8080=127.0.1.1:8080") {
		t.Fatalf("%s", s)
	}
	got := s.Services[name]
	if want := []string{"_http._tcp.reviews.default.svc.cluster.local", "reviews", "reviews.default", "reviews.default.svc"}; !slices.Equal(got.Names, want) {
		t.Errorf("names %q", got.Names)
	}
	if got.Namespace != "default" || got.Port != (discovery.Port{Name: "http", Protocol: "http"}) {
		t.Errorf("%+v", got)
	}
	if want := []string{"127.0.1.2", "127.0.1.2:8081", "reviews-0", "reviews-0.reviews.default.svc.cluster.local"}; !slices.Equal(got.Endpoints[2].Names, want) {
		t.Errorf("names %q", got.Endpoints[2].Names)
	}
	// "." says that it is not offered: RFC 2782.
	z.set("_http._tcp.reviews.default.svc.cluster.local. 0 IN SRV 0 0 0 .")
	sink.Until(t, "gone", func(s *sinktest.State) bool { return len(s.Services) == 0 && s.Trouble == nil })
}

func TestVanishes(t *testing.T) {
	z := serve(t)
	z.set("a.example. 0 IN A 127.0.1.1", "b.example. 0 IN A 127.0.1.2")
	cfg, said := fast(t, z, "a.example:80", "b.example:80"), lines{}
	cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
	sink := watching(t, cfg)
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced && len(s.Services) == 2 })
	z.set("a.example. 0 IN TXT nothing") // no such record; and no b at all
	s := sink.Until(t, "gone", func(s *sinktest.State) bool { return len(s.Services) == 0 })
	if s.Trouble != nil || z.count("a.example. AAAA udp") == 0 || z.count("b.example. AAAA udp") != 0 {
		t.Errorf("%s\n%s", s, z.all())
	}
	z.set("a.example. 0 IN A 127.0.1.1")
	sink.Until(t, "back", func(s *sinktest.State) bool { return s.Has("a.example", "127.0.1.1:80=127.0.1.1:80") })
	for _, want := range []string{
		`has no endpoints" service=a.example name=a.example because="it has no such record`,
		`has no endpoints" service=b.example name=b.example because="it does not exist"`,
		`has endpoints now" service=a.example`,
	} {
		if log := said.String(); strings.Count(log, want) != 1 {
			t.Errorf("want once %s in\n%s", want, log)
		}
	}
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestDeniedOnce asks a server that forgets a name for one answer.
func TestDeniedOnce(t *testing.T) {
	z := serve(t)
	z.set("a.example. 0 IN A 127.0.1.1")
	sink := watching(t, fast(t, z, "a.example:80"))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	denied := 0
	z.odd(func(answer *dns.Msg, _ string) *dns.Msg {
		if denied++; denied%2 == 1 { // every other time
			answer.Answer, answer.Rcode = nil, dns.RcodeNameError
		}
		return answer
	})
	before := z.count("a.example. A udp")
	for z.count("a.example. A udp") < before+6 {
		time.Sleep(time.Millisecond)
	}
	if s := sink.State(); len(s.Words) != 2 {
		t.Errorf("%s", s)
	}
}

func TestDeniedAtFirst(t *testing.T) {
	z := serve(t)
	z.set("a.example. 0 IN A 127.0.1.1")
	sink := watching(t, fast(t, z, "a.example:80", "none.example:80"))
	s := sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	if len(s.Services) != 1 || s.Trouble != nil || z.count("none.example. A udp") < 2 {
		t.Errorf("%s\n%s", s, z.all())
	}
}

func TestTroubleKeeps(t *testing.T) {
	z := serve(t)
	z.set("a.example. 0 IN A 127.0.1.1", "b.example. 0 IN A 127.0.1.2")
	sink := watching(t, fast(t, z, "a.example:80", "b.example:80"))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced && len(s.Services) == 2 })
	z.fail("a.example.", dns.RcodeServerFailure)
	s := sink.Until(t, "troubled", func(s *sinktest.State) bool {
		return s.Trouble != nil && slices.Equal(s.Fresh, []string{"b.example"})
	})
	if want := "a.example. A: server " + z.address + ": it says SERVFAIL"; !strings.HasPrefix(s.Trouble.Error(), want) || len(s.Services) != 2 {
		t.Errorf("%s\nwant %s", s, want)
	}
	z.set("a.example. 0 IN A 127.0.1.3", "b.example. 0 IN A 127.0.1.2")
	s = sink.Until(t, "well", func(s *sinktest.State) bool { return s.Trouble == nil && len(s.Fresh) == 2 })
	if !s.Has("a.example", "127.0.1.3:80=127.0.1.3:80") || slices.ContainsFunc(s.Words, func(w string) bool { return strings.HasPrefix(w, "delete") }) {
		t.Errorf("%s", s)
	}
}

// TestTargetInTrouble cannot learn where a target is: it could be anywhere.
func TestTargetInTrouble(t *testing.T) {
	z := serve(t)
	z.set("_http._tcp.a.example. 0 IN SRV 0 0 80 one.example.", "one.example. 0 IN A 127.0.1.1")
	sink := watching(t, fast(t, z, "_http._tcp.a.example"))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	z.fail("one.example.", dns.RcodeRefused)
	s := sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if !strings.Contains(s.Trouble.Error(), "_http._tcp.a.example. leads to one.example.") || !s.Has("a.example", "one.example:80=127.0.1.1:80") || len(s.Fresh) != 0 {
		t.Errorf("%s", s)
	}
}

func TestLongAnswersByTCP(t *testing.T) {
	z := serve(t)
	var records []string
	for i := range 300 {
		records = append(records, fmt.Sprintf("many.example. 0 IN A 10.0.%d.%d", i/100, i%100))
	}
	z.set(records...)
	cfg := fast(t, z, "many.example:80")
	cfg.Most, cfg.Least = time.Hour, time.Hour
	sink := watching(t, cfg)
	s := sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	if n := len(s.Services["many.example"].Endpoints); n != 300 || z.count("many.example. A tcp") != 1 || z.count("many.example. A udp") != 1 {
		t.Errorf("%d endpoints, asked %s", n, z.all())
	}
}

// TestStrangeAnswers is what servers say that are broken, old or not who was asked.
func TestStrangeAnswers(t *testing.T) {
	for _, test := range []struct {
		name  string
		odd   func(answer *dns.Msg, network string) *dns.Msg
		fails string // empty: an answer is got all the same
	}{
		{"no EDNS", nil, ""},
		{"another question", func(m *dns.Msg, _ string) *dns.Msg { m.Question[0].Name = "b.example."; return m }, "answers another question"},
		{"no question", func(m *dns.Msg, _ string) *dns.Msg { m.Question = nil; return m }, "answers another question"},
		{"another's records", func(m *dns.Msg, _ string) *dns.Msg {
			for _, r := range m.Answer {
				r.Header().Name = "b.example."
			}
			return m
		}, "nothing"},
		{"a question", func(m *dns.Msg, _ string) *dns.Msg { m.Response = false; return m }, "answers another question"},
		{"no recursion", func(m *dns.Msg, _ string) *dns.Msg {
			m.RecursionAvailable, m.Answer = false, nil
			return m
		}, "asks nobody else"},
		{"a code of the future", func(m *dns.Msg, _ string) *dns.Msg { m.Rcode = 13; return m }, "it says code 13"},
		{"always cut off", func(m *dns.Msg, _ string) *dns.Msg { m.Truncated = true; return m }, "cut off by TCP too"},
		{"a ring of aliases", func(m *dns.Msg, _ string) *dns.Msg {
			one, _ := dns.NewRR("a.example. 0 IN CNAME c.example.")
			other, _ := dns.NewRR("c.example. 0 IN CNAME a.example.")
			m.Answer = []dns.RR{one, other}
			return m
		}, "nothing"},
	} {
		z := serve(t)
		z.set("a.example. 0 IN A 127.0.1.1")
		z.odd(func(m *dns.Msg, network string) *dns.Msg {
			m.Extra = nil
			return test.odd(m, network)
		})
		if test.odd == nil { // the first question has EDNS
			z.odd(func(m *dns.Msg, _ string) *dns.Msg {
				if z.asked["a.example. A udp"] == 1 {
					m.Answer, m.Rcode = nil, dns.RcodeFormatError
				}
				return m
			})
		}
		cfg := fast(t, z, "a.example:80")
		a := &asker{cfg, make(chan struct{}, mostAtOnce)}
		r, err := a.resolve(t.Context(), cfg.Names[0])
		switch {
		case test.fails == "nothing":
			if err != nil || len(r.endpoints) != 0 {
				t.Errorf("%s: %v, %v", test.name, r, err)
			}
		case test.fails == "":
			if err != nil || len(r.endpoints) != 1 {
				t.Errorf("%s: %v, %v", test.name, r, err)
			}
		case err == nil || !strings.Contains(err.Error(), test.fails):
			t.Errorf("%s: %v; want %s", test.name, err, test.fails)
		}
	}
}

// TestServersInTurn asks the next where one does not answer, or is not there.
func TestServersInTurn(t *testing.T) {
	z := serve(t)
	z.set("reviews.default.svc.cluster.local. 0 IN A 127.0.1.1", "broken.example. 0 IN A 127.0.1.1")
	z.fail("broken.example.", dns.RcodeServerFailure)
	cfg := fast(t, z, "reviews.default:80")
	cfg.Tries = 1
	a := &asker{cfg, make(chan struct{}, mostAtOnce)}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := silent.LocalAddr().String()
	silent.Close()
	servers, search := []string{closed, z.address}, []string{"reviews.default.default.svc.cluster.local.", "reviews.default.svc.cluster.local.", "reviews.default."}
	r, err := a.search(t.Context(), servers, search, cfg.Names[0])
	if err != nil || len(r.endpoints) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	// Where one form cannot be asked for, another's absence says nothing.
	_, err = a.search(t.Context(), servers, []string{"none.example.", "broken.example."}, cfg.Names[0])
	if err == nil || !strings.Contains(err.Error(), closed) || !strings.Contains(err.Error(), "SERVFAIL") {
		t.Errorf("%v", err)
	}
	r, err = a.search(t.Context(), servers, []string{"none.example.", "nor.example."}, cfg.Names[0])
	if err != nil || !r.denied || len(r.endpoints) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestEndsWithItsContext waits for a server that never answers.
func TestEndsWithItsContext(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	z := &zone{address: silent.LocalAddr().String()}
	cfg := fast(t, z, "a.example:80", "_http._tcp.b.example")
	cfg.Timeout = time.Hour
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, stop := sinktest.Watch(t, s)
	if _, _, err := silent.ReadFrom(make([]byte, 512)); err != nil { // it has asked
		t.Fatal(err)
	}
	stop()
}

func TestSilenceIsTrouble(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cfg := fast(t, &zone{address: silent.LocalAddr().String()}, "a.example:80")
	cfg.Timeout = 20 * time.Millisecond
	s := watching(t, cfg).Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if s.Synced || !strings.Contains(s.Trouble.Error(), "no answer within 20ms; is it reachable?") {
		t.Errorf("%s", s)
	}
}

// TestWatchedAgain: a directory starts a source that has ended again.
func TestWatchedAgain(t *testing.T) {
	z := serve(t)
	z.set("reviews.example. 0 IN A 127.0.1.1")
	s, err := New(fast(t, z, "reviews.example:80"))
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Again(t, s, "reviews.example", "127.0.1.1:80=127.0.1.1:80")
}
