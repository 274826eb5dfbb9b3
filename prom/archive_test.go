package prom

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openArchive(t testing.TB, text string) (*Archive, error) {
	t.Helper()
	c, err := LoadConnection(writeFile(t, filepath.Join(t.TempDir(), "source.yaml"), text))
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenArchive(t.Context(), c, patience())
	if err == nil {
		t.Cleanup(func() { a.Close() })
	}
	return a, err
}

// A server's history gives the windows that a copy of its raw samples gives.
func TestArchive(t *testing.T) {
	t.Parallel()
	address, _ := target(t)
	p := startPrometheus(t, address)
	// Asked of Prometheus: on a busy machine it gives up on scrapes that the target saw.
	server := connectTo(t, p.url, patience())
	until(t, "scraped 40 times, a second ago", func() bool {
		rows, err := server.Range(t.Context(), "count_over_time(memory_bytes[1m] offset 1s)", time.Now(), time.Now(), 0)
		return err == nil && len(rows) == 1 && rows[0].Values[0] > 40
	})
	now := time.Now().UTC()
	a, err := openArchive(t, fmt.Sprintf("prometheus: %s\nstart: %s\nend: %s\n", p.url, now.Add(-time.Minute).Format(time.RFC3339Nano), now.Add(-time.Second).Format(time.RFC3339Nano)))
	if err != nil {
		t.Fatal(err)
	}
	var history History = a
	start, end := history.Span()
	if !start.Equal(now.Add(-time.Minute).Truncate(time.Millisecond)) || !end.Equal(now.Add(-time.Second).Truncate(time.Millisecond)) {
		t.Errorf("span %s to %s", start, end)
	}
	if err := a.Measure(t.Context(), shop(t)); err != nil || a.ScrapeInterval().Round(20*time.Millisecond) != scrapeEvery {
		t.Errorf("scrape interval %s, %v", a.ScrapeInterval(), err)
	}
	selectors, err := Selectors(shop(t))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := a.Pull(t.Context(), selectors, start, end)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := raw.WriteBlock(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	copied, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	first, last := copied.Span()
	q := Query{Start: first.Add(1257 * time.Millisecond), End: last.Add(-scrapeEvery), Timing: mesh.Timing{Step: 500 * time.Millisecond, Range: time.Second, Delay: 100 * time.Millisecond}}
	live, offline := gather(t, history, shop(t), q), gather(t, copied, shop(t), q)
	if len(live) < 5 || len(live) != len(offline) {
		t.Fatalf("%d and %d windows", len(live), len(offline))
	}
	for i := range live {
		// Not those that look back: a server does so further than a copy, which
		// shows where a busy machine has missed some scrapes.
		for _, name := range []string{mesh.RequestRate, mesh.ErrorRatio} {
			near(t, fmt.Sprint(live[i].Time, " ", name), offline[i].At(0, name), live[i].At(0, name))
		}
	}
}

// The newest history of a length is the same span for a while, and so is known
// again: by a cache, and by a replay of the part that training held back.
func TestNewestHistoryStays(t *testing.T) {
	now := time.Date(2026, 11, 23, 17, 59, 0, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[0,"%d"]}}`, now.Unix())
	}))
	defer server.Close()
	for since, end := range map[string]string{"30d": "2026-11-23T00:00:00Z", "14d": "2026-11-23T12:00:00Z", "1d": "2026-11-23T17:00:00Z", "1h": "2026-11-23T17:58:00Z", "3m": "2026-11-23T17:58:30Z"} {
		a, err := openArchive(t, fmt.Sprintf("prometheus: %s\nsince: %s\n", server.URL, since))
		if err != nil {
			t.Fatal(err)
		}
		first, last := a.Span()
		length, _ := span(since)
		if got := last.Format(time.RFC3339); got != end || last.Sub(first) != length {
			t.Errorf("the newest %s are %s up to %s; want them up to %s", since, last.Sub(first), got, end)
		}
	}
}

func TestOpenArchiveRefuses(t *testing.T) {
	c, err := LoadConnection("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenArchive(t.Context(), c, patience()); err == nil || !strings.Contains(err.Error(), "since") {
		t.Errorf("error %v", err)
	}
	c.Since = time.Hour
	if _, err := OpenArchive(t.Context(), c, patience()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
}

// An empty span is an error that says so, not an interval.
func TestIntervalOfNothing(t *testing.T) {
	t.Parallel()
	address, scrapes := target(t)
	p := startPrometheus(t, address)
	until(t, "scraped", func() bool { return scrapes.Load() > 3 })
	_, _, err := connectTo(t, p.url, patience()).Intervals(t.Context(), shop(t), dawn, dawn.Add(24*time.Hour))
	if err == nil || !strings.Contains(err.Error(), "scrape interval cannot be found") {
		t.Errorf("error %v", err)
	}
}

func TestSelectors(t *testing.T) {
	lab, _ := Builtin("lab")
	got, err := Selectors(lab)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{__name__="haproxy_server_http_responses_total"}`, `{__name__="up",job="endpoints"}`, `{__name__="process_cpu_seconds_total",endpoint!=""}`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %q", want, got)
		}
	}
	for _, bad := range []string{`{__name__="haproxy_server_http_responses_total",code="5xx"}`, `{__name__="up"}`} {
		if slices.Contains(got, bad) {
			t.Errorf("%s is asked for beside what contains it", bad)
		}
	}
	if haproxy, _ := Builtin("haproxy"); true {
		if got, err := Selectors(haproxy); err != nil || !slices.Contains(got, `{__name__="up"}`) {
			t.Errorf("no up in %q, %v", got, err)
		}
	}
}

// Two selectors with series in common give each sample once.
func TestPullOverlappingSelectors(t *testing.T) {
	t.Parallel()
	address, scrapes := target(t)
	p := startPrometheus(t, address)
	until(t, "scraped", func() bool { return scrapes.Load() > 15 })
	s := connectTo(t, p.url, patience())
	now := time.Now()
	settle(t, scrapes)
	var counts []int
	for _, selectors := range [][]string{{`{__name__="up"}`}, {`{__name__="up",app="cart"}`, `{__name__="up",pod="a"}`}} {
		raw, err := s.Pull(t.Context(), selectors, now.Add(-time.Minute), now)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, raw.Count())
	}
	if counts[0] < 5 || counts[0] != counts[1] {
		t.Errorf("%v samples", counts)
	}
}

// guard stands before a server and wants a client certificate of its own
// authority, a token and a tenant.
func guard(t *testing.T, to string) (address, dir string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(client)
	proxy := httputil.NewSingleHostReverseProxy(u)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer s3cret-token":
			http.Error(w, "no such token", http.StatusUnauthorized)
		case r.Header.Get("X-Scope-OrgID") != "team-a":
			http.Error(w, "no org id", http.StatusUnauthorized)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	writeFile(t, filepath.Join(dir, "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	writeFile(t, filepath.Join(dir, "client.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, filepath.Join(dir, "client.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	writeFile(t, filepath.Join(dir, "token"), "s3cret-token\n")
	return server.URL, dir
}

func TestGuardedServer(t *testing.T) {
	scraped, _ := target(t)
	p := startPrometheus(t, scraped)
	address, dir := guard(t, p.url)
	const (
		token  = "  authorization: {credentials_file: token}\n"
		wrong  = "  authorization: {credentials: s3cret-tokem}\n"
		none   = "  authorization: {credentials_file: nowhere}\n"
		ca     = "ca_file: ca.pem"
		cert   = "cert_file: client.pem, key_file: client.key"
		tenant = "  http_headers: {X-Scope-OrgID: {values: [team-a]}}\n"
	)
	trust := func(parts ...string) string { return "  tls_config: {" + strings.Join(parts, ", ") + "}\n" }
	for _, c := range []struct{ name, http, says string }{
		{"all", token + trust(ca, cert) + tenant, ""},
		{"authority unknown", token + trust(cert) + tenant, "ca_file"},
		{"no client certificate", token + trust(ca) + tenant, "cert_file"},
		{"no tenant", token + trust(ca, cert), "no org id"},
		{"no token", trust(ca, cert) + tenant, "no such token"},
		{"wrong token", wrong + trust(ca, cert) + tenant, "credentials right"},
		{"missing file", none + trust(ca, cert) + tenant, "nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := writeFile(t, filepath.Join(dir, "source.yaml"), "prometheus: "+address+"\nhttp:\n"+c.http)
			connection, err := LoadConnection(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Connect(connection, patience())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_, err = s.Metrics(t.Context())
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "attempts")):
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestBasicAuth(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, ok := r.BasicAuth(); !ok || name != "u" || password != "hunter22" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"status":"success","data":["up"]}`)
	}))
	defer server.Close()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "password"), "hunter22")
	for name, address := range map[string]string{
		"URL":  strings.Replace(server.URL, "//", "//u:hunter22@", 1),
		"file": writeFile(t, filepath.Join(dir, "s.yaml"), "prometheus: "+server.URL+"\nhttp: {basic_auth: {username: u, password_file: password}}\n"),
	} {
		if names, err := dial(t, address).Metrics(t.Context()); err != nil || len(names) != 1 {
			t.Errorf("%s: %v, %v", name, names, err)
		}
	}
}

func TestVictoriaMetrics(t *testing.T) {
	t.Parallel()
	address, scrapes := target(t)
	server := serveVictoria(t, "-promscrape.config="+writeFile(t, filepath.Join(t.TempDir(), "scrape.yml"), scrapeConfig(address)))
	s := connectTo(t, server, patience())
	until(t, "scraped 40 times", func() bool { return scrapes.Load() > 40 })
	var now time.Time
	// What was scraped is searchable about a second later.
	seen := func() int {
		var err error
		if now, err = s.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		raw, err := s.Pull(t.Context(), []string{`{__name__="requests_total"}`}, now.Add(-time.Minute), now)
		if err != nil {
			t.Fatal(err)
		}
		return raw.Count()
	}
	until(t, "searchable", func() bool { return seen() > 40 })
	usual, slowest, err := s.Intervals(t.Context(), shop(t), now.Add(-time.Minute), now)
	if err != nil || usual.Round(20*time.Millisecond) != scrapeEvery || slowest.Round(20*time.Millisecond) != scrapeEvery {
		t.Errorf("scrape intervals %s and %s, %v", usual, slowest, err)
	}
	if _, err := Check(t.Context(), s, shop(t)); err != nil {
		t.Error(err)
	}
	// Its range queries are neither rounded to the step nor cut: sixty steps
	// that no rounding would give, in shards.
	l := patience()
	l.Points = 25
	start := now.Add(-10 * time.Second).Truncate(time.Second).Add(137 * time.Millisecond)
	rows, err := connectTo(t, server, l).Range(t.Context(), "vector(time())", start, start.Add(59*100*time.Millisecond), 100*time.Millisecond)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, v := range rows[0].Values {
		// It rounds times down to a millisecond, after a division.
		want := float64(start.UnixMilli()+int64(i)*100) / 1000
		if v < want-0.0011 || v > want+0.0001 {
			t.Errorf("step %d has %v; want %v", i, v, want)
		}
	}
	windows := gather(t, s, shop(t), Query{Start: now.Add(-4 * time.Second), End: now.Add(-2 * time.Second), Timing: mesh.Timing{Step: 500 * time.Millisecond, Range: 2 * time.Second}})
	if len(windows) != 5 {
		t.Fatalf("%d windows", len(windows))
	}
	for _, w := range windows {
		near(t, "error ratio", w.At(0, mesh.ErrorRatio), 1.0/3)
	}
	// Raw samples are what it exports.
	from, until := now.Add(-5*time.Second).Truncate(time.Millisecond), now.Add(-2*time.Second).Truncate(time.Millisecond)
	raw, err := s.Pull(t.Context(), []string{`{__name__="requests_total"}`}, from, until)
	if err != nil || len(raw.series) != 1 {
		t.Fatal(err)
	}
	exported := export(t, server, "requests_total", from, until)
	var pulled []string
	for _, x := range raw.series[0].samples {
		pulled = append(pulled, fmt.Sprintf("%v@%d", x.v, x.t))
	}
	if len(pulled) < 3 || !slices.Equal(pulled, exported) {
		t.Errorf("pulled %v, exported %v", pulled, exported)
	}
}

// export reads what VictoriaMetrics itself exports in (after, until].
func export(t testing.TB, server, metric string, after, until time.Time) []string {
	t.Helper()
	r, err := http.Get(fmt.Sprintf("%s/api/v1/export/csv?match[]=%s&format=__value__,__timestamp__:unix_ms", server, metric))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	type at struct {
		t int64
		v float64
	}
	var all []at
	for line := range strings.Lines(string(text)) {
		var x at
		if _, err := fmt.Sscanf(strings.Replace(line, ",", " ", 1), "%g %d", &x.v, &x.t); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if x.t > after.UnixMilli() && x.t <= until.UnixMilli() {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b at) int { return int(a.t - b.t) })
	var texts []string
	for _, x := range all {
		texts = append(texts, fmt.Sprintf("%v@%d", x.v, x.t))
	}
	return texts
}
