package guard

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// shown is a connection on which a name was proved.
func shown(t testing.TB, name string) *tls.ConnectionState {
	t.Helper()
	uri, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{URIs: []*url.URL{uri}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(3600, 0)}
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
}

const proxyName = "spiffe://d/proxy"

// TestAsks: questions that no interceptor sees are counted, limited, and refused to a
// threat, as calls are; whoever was silent for so long that he was forgotten asks by what
// is granted now.
func TestAsks(t *testing.T) {
	access := Access{Limits: DefaultLimits(), Allow: []Grant{{Identity: proxyName, Methods: []string{"Decide"}, Services: []string{"shop"}}}, Threats: threat.DefaultSettings()}
	access.Limits.Rate, access.Threats.Mode = 100, threat.Enforce
	g := newGuard(t, access)
	now := time.Unix(1_800_000_000, 0)
	tick := func(seconds int) {
		for range seconds * second {
			now = now.Add(tick)
			g.Tick(now)
		}
	}
	tick(1)
	may := g.Asks(shown(t, proxyName), "192.0.2.1:1", fairwayv1.Router_Decide_FullMethodName)
	answered := 0
	for range 150 {
		if may("shop") {
			answered++
		}
	}
	if answered != 100 {
		t.Errorf("%d of 150 are answered, at 100 messages/s", answered)
	}
	first := g.callers[proxyName]
	tick(6)
	rate := func() (threat.Reading, threat.Caller) {
		for _, c := range g.Judge().View().Callers {
			if c.Identity == proxyName && len(c.Signals) > 0 {
				return c.Signals[0], c
			}
		}
		t.Fatalf("%+v", g.Judge().View())
		panic("")
	}
	if r, c := rate(); !r.Exceeds || c.Services != 1 {
		t.Errorf("the judge knows of %+v, %+v", r, c)
	}
	if may("other") {
		t.Error("it may ask about what is not granted")
	}
	tick(forget + 3)
	if g.callers[proxyName] != nil || !first.gone.Load() {
		t.Fatal("it is not forgotten")
	}
	if err := g.SetAllow([]Grant{{Identity: proxyName, Methods: []string{"Decide"}, Services: []string{"cart"}}}); err != nil {
		t.Fatal(err)
	}
	if may("shop") || !may("cart") {
		t.Error("it asks by what was granted once")
	}
	for i := range 20 {
		may(fmt.Sprint("secret-", i))
	}
	tick(6)
	if _, c := rate(); c.Level != threat.High || may("cart") {
		t.Errorf("it is %v, and may ask: %v", c.Level, may("cart"))
	}
	if g.Asks(&tls.ConnectionState{}, "192.0.2.1:1", fairwayv1.Router_Decide_FullMethodName)("shop") {
		t.Error("somebody without a certificate may ask")
	}
}
