package guard_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

func threats(mode string, change func(*threat.Settings)) guard.Access {
	settings := threat.DefaultSettings()
	settings.Mode = mode
	if change != nil {
		change(&settings)
	}
	return guard.Access{Threats: settings, Limits: guard.DefaultLimits()}
}

func (s *service) overrule(t testing.TB, path string, level threat.Level) {
	t.Helper()
	if err := s.guard.Judge().Override(threat.Override{Identity: "spiffe://fairway.local" + path, Level: level, Why: "a test"}); err != nil {
		t.Fatal(err)
	}
}

// TestHigh: a high threat is refused whatever it asks, but its health; streams that
// are open end. Others are answered.
func TestHigh(t *testing.T) {
	s := start(t, threats(threat.Enforce, nil), true)
	a, b := s.as(t, "/a"), s.as(t, "/b")
	route, err := fairwayv1.NewRouterClient(a).Route(within(t))
	if err != nil {
		t.Fatal(err)
	}
	answered(t, route)
	s.overrule(t, "/a", threat.High)
	if err := route.Send(&fairwayv1.DecideRequest{Service: "shop"}); err != nil {
		t.Fatal(err)
	}
	_, err = route.Recv()
	want(t, "an open stream", err, codes.PermissionDenied, "HIGH_THREAT")
	_, err = fairwayv1.NewRouterClient(a).Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	want(t, "a call", err, codes.PermissionDenied, "HIGH_THREAT")
	watch, err := fairwayv1.NewRouterClient(a).Watch(within(t), &fairwayv1.WatchRequest{Services: []string{"shop"}})
	if err == nil {
		_, err = watch.Recv()
	}
	want(t, "a Watch", err, codes.PermissionDenied, "HIGH_THREAT")
	_, err = grpc_health_v1.NewHealthClient(a).Check(within(t), &grpc_health_v1.HealthCheckRequest{})
	want(t, "health", err, codes.OK, "")
	_, err = fairwayv1.NewRouterClient(b).Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	want(t, "another", err, codes.OK, "")
	s.overrule(t, "/a", threat.Low)
	_, err = fairwayv1.NewRouterClient(a).Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	want(t, "after it", err, codes.OK, "")
	if got := s.refused(t, "HIGH_THREAT"); got != 3 {
		t.Errorf("%v refusals are counted, want 3", got)
	}
}

func answered(t testing.TB, route interface {
	Send(*fairwayv1.DecideRequest) error
	Recv() (*fairwayv1.Decision, error)
}) *fairwayv1.Decision {
	t.Helper()
	if err := route.Send(&fairwayv1.DecideRequest{Service: "shop"}); err != nil {
		t.Fatal(err)
	}
	d, err := route.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestQuarantine: decisions name no endpoint, once, in a batch and on a stream;
// everything else is refused.
func TestQuarantine(t *testing.T) {
	s := start(t, threats(threat.Enforce, func(s *threat.Settings) { s.OnHigh = threat.Quarantine }), true)
	c := fairwayv1.NewRouterClient(s.as(t, "/a"))
	d, err := c.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	if err != nil || d.Endpoint.GetAddress() == "" {
		t.Fatalf("%v, %v", d, err) // else what follows proves nothing
	}
	s.overrule(t, "/a", threat.High)
	bare := func(d *fairwayv1.Decision) {
		t.Helper()
		if d.GetService() == "" || d.Endpoint.GetAddress() != "" || d.Endpoint.GetName() != "" || len(d.Weights) > 0 {
			t.Errorf("told %v", d)
		}
	}
	d, err = c.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop", WantWeights: true})
	want(t, "Decide", err, codes.OK, "")
	bare(d)
	batch, err := c.DecideBatch(within(t), &fairwayv1.DecideBatchRequest{Requests: []*fairwayv1.DecideRequest{{Service: "shop"}}})
	want(t, "DecideBatch", err, codes.OK, "")
	for _, d := range batch.GetDecisions() {
		bare(d)
	}
	route, err := c.Route(within(t))
	if err != nil {
		t.Fatal(err)
	}
	bare(answered(t, route))
	_, err = c.Forecast(within(t), &fairwayv1.ForecastRequest{Services: []string{"shop"}})
	want(t, "Forecast", err, codes.PermissionDenied, "HIGH_THREAT")
	watch, err := c.Watch(within(t), &fairwayv1.WatchRequest{Services: []string{"shop"}})
	if err == nil {
		_, err = watch.Recv()
	}
	want(t, "Watch", err, codes.PermissionDenied, "HIGH_THREAT")
	report, err := c.Report(within(t))
	if err == nil {
		report.Send(&fairwayv1.OutcomeReport{Service: "shop"})
		_, err = report.CloseAndRecv()
	}
	want(t, "Report", err, codes.PermissionDenied, "HIGH_THREAT")
}

// TestShortLived: certificates of the own authority live for a day, which is short
// enough by default, and too long where an hour is asked for; who has no certificate
// is not judged; a dry run refuses nobody.
func TestShortLived(t *testing.T) {
	for _, test := range []struct {
		mode string
		life time.Duration
		tls  bool
		why  string
	}{
		{threat.Enforce, 25 * time.Hour, true, ""},
		{threat.Enforce, time.Hour, true, "CERTIFICATE_TOO_LONG_LIVED"},
		{threat.DryRun, time.Hour, true, ""},
		{threat.Off, time.Hour, true, ""},
		{threat.Enforce, time.Hour, false, ""},
	} {
		s := start(t, threats(test.mode, func(s *threat.Settings) {
			s.ShortLived = test.life
			s.Overrides = []threat.Override{{Identity: "*", Level: threat.Medium, Why: "a test"}}
		}), test.tls)
		conn := s.dial(t, insecure.NewCredentials())
		if test.tls {
			conn = s.as(t, "/a")
		}
		code := codes.OK
		if test.why != "" {
			code = codes.PermissionDenied
		}
		_, err := fairwayv1.NewRouterClient(conn).Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
		want(t, fmt.Sprintf("%+v", test), err, code, test.why)
	}
}

// TestNeverLoosens: an override to low gives nothing that is not granted, and no
// more than the limits do.
func TestNeverLoosens(t *testing.T) {
	access := threats(threat.Enforce, nil)
	access.Limits.Rate, access.Limits.Burst = 1, 2
	access.Allow = []guard.Grant{{Identity: "spiffe://fairway.local/*", Methods: []string{"Decide"}, Services: []string{"shop"}}}
	s := start(t, access, true)
	s.overrule(t, "/a", threat.Low)
	c := fairwayv1.NewRouterClient(s.as(t, "/a"))
	_, err := c.Decide(within(t), &fairwayv1.DecideRequest{Service: "other"})
	want(t, "a service that is not granted", err, codes.PermissionDenied, "SERVICE_NOT_ALLOWED")
	_, err = c.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	want(t, "within the limit", err, codes.OK, "")
	_, err = c.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	want(t, "beyond the limit", err, codes.ResourceExhausted, "RATE_EXCEEDED")
	_, err = c.Explain(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	want(t, "a method that is not granted", err, codes.PermissionDenied, "NOT_ALLOWED")
}

// TestMediumRate: a medium threat has half of the rate.
func TestMediumRate(t *testing.T) {
	access := threats(threat.Enforce, nil)
	access.Limits.Rate = 100
	s := start(t, access, true)
	c := fairwayv1.NewRouterClient(s.as(t, "/a"))
	pass := func() (n int) {
		for i := range 20 { // two seconds
			s.guard.Tick(noon.Add(time.Duration(i) * 100 * time.Millisecond))
			for range 20 {
				if _, err := c.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"}); err == nil {
					n++
				}
			}
		}
		return n
	}
	pass() // what the bucket held
	if n := pass(); n < 190 || n > 210 {
		t.Errorf("%d messages pass in 2 s at 100/s", n)
	}
	s.overrule(t, "/a", threat.Medium)
	pass()
	if n := pass(); n < 90 || n > 110 {
		t.Errorf("%d messages of a medium threat pass in 2 s at 100/s", n)
	}
}

// TestStuffing is many real handshakes by strangers: of foreign authorities, with
// names of the own trust domain and of others, expired, without a certificate, and
// with a leaf of whom we know but not its key. They are one subject, which becomes
// a high threat; whoever they claim to be is answered as before.
func TestStuffing(t *testing.T) {
	access := threats(threat.Enforce, nil)
	access.Limits.HandshakeTimeout = time.Minute // who claims nothing in time is not counted for his claim
	s := start(t, access, true)
	known := s.source(t, "/proxy")
	c := fairwayv1.NewRouterClient(s.as(t, "/proxy"))
	decide := func() error {
		_, err := c.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
		return err
	}
	want(t, "before", decide(), codes.OK, "")
	foreign := newAuthority(t)
	shown := []*tls.Certificate{
		foreign.leaf(t, "spiffe://fairway.local/proxy", noon.Add(time.Hour)),
		foreign.leaf(t, "spiffe://evil.example/x", noon.Add(time.Hour)),
		foreign.leaf(t, "spiffe://fairway.local/proxy", noon.Add(-time.Minute)),
		{Certificate: known.Held().Certificate.Certificate, PrivateKey: foreign.key}, // it is public, its key is not
		{},
	}
	now := noon
	step := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); {
			now = now.Add(100 * time.Millisecond)
			s.guard.Tick(now)
		}
	}
	step(2 * time.Second)
	for i := range 350 {
		stranger(t, s.address, shown[i%len(shown)])
	}
	eventually(t, "all handshakes have failed", func() bool { return s.refused(t, "HANDSHAKE_FAILED") >= 350 })
	step(6 * time.Second)
	var strangers threat.Caller
	for _, c := range s.guard.Judge().View().Callers {
		if c.Identity == threat.Strangers {
			strangers = c
		} else if c.Level != threat.Low {
			t.Errorf("%s is %v: %s", c.Identity, c.Level, c.Reason)
		}
	}
	if strangers.Level != threat.High || strangers.Claimed["fairway.local"] != 140 || strangers.Claimed["evil.example"] != 70 {
		t.Errorf("strangers are %+v", strangers)
	}
	want(t, "whom they claimed to be", decide(), codes.OK, "")
	want(t, "one of its own", func() error {
		_, err := fairwayv1.NewRouterClient(s.as(t, "/proxy")).Decide(within(t), &fairwayv1.DecideRequest{Service: "shop"})
		return err
	}(), codes.OK, "")
}

// stranger shakes hands, and expects to be let go.
func stranger(t testing.TB, address string, show *tls.Certificate) {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return show, nil
	}})
	if err := conn.Handshake(); err != nil {
		return
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a stranger is heard")
	}
}

// authority is a stranger's.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fairway authority", Organization: []string{"fairway"}}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) sign(t testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) leaf(t testing.TB, name string, until time.Time) *tls.Certificate {
	t.Helper()
	uri, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: noon.Add(-time.Hour), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{uri},
	})
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key}
}

// TestThreatsOfAccess: what an access file says of threats, by older names too.
func TestThreatsOfAccess(t *testing.T) {
	for text, want := range map[string]threat.Settings{
		"{}": {Mode: threat.DryRun, Hold: 5 * time.Minute},
		"threats: {mode: enforce, on_high: quarantine, hold: 1m}": {Mode: threat.Enforce, Hold: time.Minute},
		"limits: {adaptive: false}":                               {Mode: threat.Off, Hold: 5 * time.Minute},
		"limits: {adaptive: true, refuse: 20s}":                   {Mode: threat.DryRun, Hold: 20 * time.Second},
		"limits: {refuse: 20s}\nthreats: {hold: 3m, mode: 'off'}": {Mode: threat.Off, Hold: 3 * time.Minute},
		"threats: {mode: off}":                                    {Mode: threat.Off, Hold: 5 * time.Minute},
	} {
		access, err := guard.ParseAccess([]byte(text))
		if err != nil || access.Threats.Mode != want.Mode || access.Threats.Hold != want.Hold {
			t.Errorf("%q is read as %+v, %v", text, access.Threats, err)
		}
	}
	for _, bad := range []string{
		"threats: {mode: on}", "threats: {on_high: shout}", "threats: {on_failure: maybe}", "threats: {short_lived: 1s}", "threats: {new_services: 0}",
		"threats: {overrides: [{identity: a, level: high}]}", "threats: {overrides: [{identity: a, level: worst, why: x}]}", "threats: {hold: 1ms}", "threats: {colour: red}",
	} {
		if access, err := guard.ParseAccess([]byte(bad)); err == nil {
			t.Errorf("%s is read as %+v", bad, access.Threats)
		}
	}
}

// TestHandshakeAfterProof: who proved a name and was let go after it is that name's.
func TestHandshakeAfterProof(t *testing.T) {
	s := start(t, threats(threat.Enforce, nil), true)
	for range 3 {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		secure := tls.Client(conn, s.source(t, "/odd").ClientTLS("", "x")) // no h2
		if err := secure.HandshakeContext(context.Background()); err == nil {
			secure.Read(make([]byte, 1))
		}
		conn.Close()
	}
	eventually(t, "they have failed", func() bool { return s.refused(t, "HANDSHAKE_FAILED") == 3 })
	for i := range 80 {
		s.guard.Tick(noon.Add(time.Duration(i) * 100 * time.Millisecond))
	}
	for _, c := range s.guard.Judge().View().Callers {
		failures := 0.0
		for _, r := range c.Signals {
			if r.Signal == "failures" {
				failures = r.Value
			}
		}
		if want := map[string]float64{"spiffe://fairway.local/odd": 3, threat.Strangers: 0}[c.Identity]; failures != want {
			t.Errorf("%s has %v failures, want %v", c.Identity, failures, want)
		}
	}
}

func (answers) Report(s grpc.ClientStreamingServer[fairwayv1.OutcomeReport, fairwayv1.ReportSummary]) error {
	for {
		if _, err := s.Recv(); err != nil {
			return err
		}
	}
}
