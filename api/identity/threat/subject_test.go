package threat

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func unverified(t testing.TB, name string) error {
	t.Helper()
	uri, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Errorf("handshake: %w", &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{{URIs: []*url.URL{uri}}}, Err: errors.New("unknown authority")})
}

// TestBounded: whatever is asked, a subject takes no more memory, and what is
// counted is about right.
func TestBounded(t *testing.T) {
	s := &Subject{}
	for i := range 5000 {
		s.Asked(fmt.Sprint("service-", i))
		s.Asked(fmt.Sprint("service-", i/2))
		s.Denied(strings.Repeat("x", 1000) + fmt.Sprint(i))
	}
	if n := distinct(s.asked[:]); n < 4500 || n > 5500 {
		t.Errorf("%v services are counted of 5000", n)
	}
	if n := s.newServices.Load(); n < 2500 || n > 5000 {
		t.Errorf("%d services are new of 5000", n)
	}
	s.Asked(strings.Repeat("\xff", 1000))
	for _, example := range s.named() {
		if len(example) > 3*longestExample {
			t.Errorf("an example of %d bytes", len(example))
		}
	}
	few := &Subject{}
	for range 100 {
		for i := range 50 {
			few.Asked(fmt.Sprint("service-", i))
		}
		wipe(few.asked[:])
	}
	if n := few.newServices.Load(); n < 45 || n > 50 {
		t.Errorf("%d services are new of 50", n)
	}
}

// TestNoAllocation on the path of requests; nobody is nobody.
func TestNoAllocation(t *testing.T) {
	s := &Subject{}
	s.Asked("shop")
	var nobody *Subject
	if n := testing.AllocsPerRun(1000, func() { s.Asked("shop"); nobody.Asked("shop"); nobody.Sent(1, 1); nobody.Failed() }); n != 0 || nobody.Tier() != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRecent(t *testing.T) {
	var r recent
	for i := range 1000 {
		r.push(i, int64(i%3))
	}
	if r.sum != span || r.last(999, 3) != 3 || r.last(999, span) != float64(r.sum) {
		t.Errorf("sum %d, last three %v", r.sum, r.last(999, 3))
	}
}

func BenchmarkAsked(b *testing.B) {
	s := &Subject{}
	for b.Loop() {
		s.Asked("reviews.default.svc.cluster.local")
	}
}

// BenchmarkJudge is a window of 4,096 callers.
func BenchmarkJudge(b *testing.B) {
	w := newWorld(b, 4096, nil)
	w.second(1)
	b.ResetTimer()
	for b.Loop() {
		for _, s := range w.all {
			s.Sent(100, 100)
		}
		w.now = w.now.Add(window)
		w.j.Step(w.now)
	}
}
