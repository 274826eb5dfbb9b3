package identity

import (
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// FuzzParseRoots: what is read is written the same again, and signs.
func FuzzParseRoots(f *testing.F) {
	domain := spiffeid.RequireTrustDomainFromString(DefaultTrustDomain)
	now := time.Unix(1_795_000_000, 0)
	rs, err := roots(nil).rotate(now, domain, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	if rs, err = rs.rotate(now, domain, time.Hour); err != nil {
		f.Fatal(err)
	}
	text, err := rs.marshal()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, text, text[:len(text)/2], certificatesPEM(rs.certificates())} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ParseCertificates(text) // the operator's roots
		rs, err := parseRoots(text)
		if err != nil {
			return
		}
		again, err := rs.marshal()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseRoots(again); err != nil || len(back) != len(rs) {
			t.Errorf("read %d roots, wrote and read %d: %v", len(rs), len(back), err)
		}
	})
}

// FuzzMatch: a pattern means its own text, and one with a star what goes on.
func FuzzMatch(f *testing.F) {
	f.Add("spiffe://fairway.local/", "proxy")
	f.Add("", "")
	f.Add("*", "*")
	f.Fuzz(func(t *testing.T, start, rest string) {
		if got, want := Match(start+"*", start+rest), rest != ""; got != want {
			t.Errorf("Match(%q, %q) = %v", start+"*", start+rest, got)
		}
		if start != "" && start[len(start)-1] != '*' && Match(start, start+rest) != (rest == "") {
			t.Errorf("%q means %q", start, start+rest)
		}
	})
}
