package main

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity"
)

// caller has an identity of the authority in state.
func caller(t testing.TB, state, path string) *identity.Source {
	t.Helper()
	cfg := identity.DefaultConfig()
	cfg.State, cfg.Path, cfg.Clock = filepath.Join(state, "identity"), path, time.Now
	s, err := identity.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// as are calls to the program by an identity.
func (p *program) as(t testing.TB, s *identity.Source) fairwayv1.RouterClient {
	t.Helper()
	conn, err := grpc.NewClient(p.api, grpc.WithTransportCredentials(identity.ClientCredentials(s, "")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return fairwayv1.NewRouterClient(conn)
}

func shop(t testing.TB, c fairwayv1.RouterClient) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := c.Decide(ctx, &fairwayv1.DecideRequest{Service: "shop"})
	return err
}

// TestMutualTLS needs nothing but a flag: the daemon makes its authority, callers
// that it issued a certificate are answered, plaintext is not; the access file
// is read again.
func TestMutualTLS(t *testing.T) {
	state := t.TempDir()
	access := write(t, "access.yaml", "allow: [{identity: 'spiffe://fairway.local/*', methods: [Decide]}]")
	p := start(t, "--rules", write(t, "r.yaml", tinyRules), "--tls", "--state", state, "--access", access)
	said(t, p, "fairway identity issue --state "+state)
	a := p.as(t, caller(t, state, "/a"))
	if err := shop(t, a); err != nil {
		t.Fatal(err)
	}
	if err := shop(t, p.client); status.Code(err) != codes.Unavailable {
		t.Errorf("plaintext: %v", err)
	}
	if err := shop(t, p.as(t, caller(t, t.TempDir(), "/a"))); status.Code(err) != codes.Unavailable {
		t.Errorf("of another authority: %v", err)
	}
	replace(t, access, []byte("allow: [{"))
	said(t, p, "the access file has an error")
	if err := shop(t, a); err != nil {
		t.Errorf("after an error in the access file: %v", err)
	}
	replace(t, access, []byte("allow: [{identity: 'spiffe://fairway.local/b', methods: [Decide]}]"))
	said(t, p, "access changed")
	if err := shop(t, a); status.Code(err) != codes.PermissionDenied {
		t.Errorf("after the grant was taken away: %v", err)
	}
	if _, body := p.get(t, "/metrics"); !strings.Contains(body, `fairway_certificate_expiry_timestamp_seconds{role="server"}`) || !strings.Contains(body, `fairway_refused_total{reason="NOT_ALLOWED"} 1`) {
		t.Errorf("the metrics lack certificates or refusals")
	}
}

func said(t testing.TB, p *program, what string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(p.log.String(), what); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never said %q", what)
		}
	}
}

// afar is a listener that looks as if others could reach it.
type afar struct{ net.Listener }

func (afar) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

func listener(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func secured(t testing.TB, args ...string) *security {
	t.Helper()
	o, err := parse(append([]string{"--rules", write(t, "r.yaml", tinyRules)}, args...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSecurity(t.Context(), o, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBeyond: an address that others can reach brings mutual TLS without a flag;
// one that nobody can does not, and makes no authority.
func TestBeyond(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:7443": false, "[::1]:7443": false, "localhost:7443": false, "unix:///run/x": false, "": false,
		":7443": true, "0.0.0.0:7443": true, "[::]:7443": true, "192.0.2.1:7443": true,
	} {
		if beyond(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
	state := t.TempDir()
	if s := secured(t, "--listen", "0.0.0.0:7443", "--state", state); s.source == nil || s.source.Held().Name != "spiffe://fairway.local/fairwayd" {
		t.Error("no certificates for an address beyond the loopback")
	}
	empty := t.TempDir()
	for _, args := range [][]string{{"--listen", "0.0.0.0:7443", "--plaintext"}, {}, {"--listen", "0.0.0.0:7443", "--check-config"}} {
		if s := secured(t, append(args, "--state", empty)...); s.source != nil {
			t.Errorf("%v: certificates", args)
		}
	}
	if made, _ := os.ReadDir(empty); len(made) > 0 {
		t.Errorf("made %v", made)
	}
	if got := strings.Join(hosts("0.0.0.0:1", "[fe80::1%eth0]:1", "fairway.example:1", "192.0.2.1:1"), " "); !strings.HasSuffix(got, " fairway.example 192.0.2.1") || strings.ContainsAny(got, "%") || strings.Contains(got, "0.0.0.0") {
		t.Errorf("hosts %q", got)
	}
	if err := secured(t).fits([]net.Listener{afar{listener(t)}, nil}); err == nil {
		t.Error("serves others without certificates")
	}
}

// TestAdminBeyond: others are told health; metrics want a certificate, profiles
// that of an operator; plaintext gets nothing.
func TestAdminBeyond(t *testing.T) {
	state := t.TempDir()
	s := secured(t, "--admin", "0.0.0.0:9090", "--state", state)
	l := listener(t)
	mux, secure := s.admin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }), afar{l})
	g, ctx := errgroup.WithContext(t.Context())
	ctx, stop := context.WithCancel(ctx)
	serveHTTP(ctx, g, mux, secure, s.trouble())
	defer func() {
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}()
	get := func(scheme, path, who string) int {
		cfg := &tls.Config{InsecureSkipVerify: true}
		if who != "" {
			cfg = caller(t, state, who).ClientTLS("", "localhost", "http/1.1")
		}
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: cfg}, Timeout: 20 * time.Second}
		answer, err := client.Get(scheme + "://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for _, c := range []struct {
		scheme, path, who string
		want              int
	}{
		{"https", "/healthz", "", 200}, {"https", "/readyz", "", 200}, {"https", "/metrics", "", 401}, {"https", "/debug/pprof/", "", 401},
		{"https", "/metrics", "/prometheus", 200}, {"https", "/debug/pprof/cmdline", "/prometheus", 403},
		{"https", "/debug/pprof/cmdline", "/operator/alice", 200}, {"http", "/healthz", "", 400},
	} {
		if got := get(c.scheme, c.path, c.who); got != c.want {
			t.Errorf("%s %s by %q: %d, want %d", c.scheme, c.path, c.who, got, c.want)
		}
	}
}

func TestTLSOptions(t *testing.T) {
	for _, args := range []string{
		"--tls-cert a", "--tls-cert a --tls-key b", "--tls-cert a --tls-key b --tls-ca c --spire d", "--plaintext --tls",
		"--plaintext --spire d", "--spire d --trust-domain e",
	} {
		if _, err := parse(append([]string{"--rules", "r.yaml"}, strings.Fields(args)...), io.Discard); err == nil {
			t.Errorf("%s passes", args)
		}
	}
}
