package dns

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Name{
		"reviews.example:9080":               {"reviews.example", 9080, "reviews.example"},
		"reviews.example.:9080":              {"reviews.example.", 9080, "reviews.example"},
		"reviews:80":                         {"reviews", 80, "reviews"},
		"_http._tcp.reviews.example":         {"_http._tcp.reviews.example", 0, "reviews.example"},
		"reviews=_http._tcp.reviews.example": {"_http._tcp.reviews.example", 0, "reviews"},
		"shop/reviews=reviews.example:9080":  {"reviews.example", 9080, "shop/reviews"},
		"_odd.reviews.example:80":            {"_odd.reviews.example", 80, "reviews.example"},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"reviews.example":               "has no port; want one such as reviews.example:9080",
		"":                              "has no port",
		"reviews.example:http":          "port \"http\" is none from 1 to 65535",
		"reviews.example:0":             "is none from 1",
		"reviews:65536":                 "is none from 1",
		"a:1:2":                         "is none from 1",
		"=reviews:80":                   "is no name",
		"_http":                         "is no name",
		"_http._tcp.":                   "is no name",
		".:80":                          "is no name",
		"a b:80":                        "is no name",
		"a..b:80":                       "is no name",
		strings.Repeat("a", 64) + ":80": "is no name",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"reviews.example:9080", "_http._tcp.a", "a=b:1", "_", "=", ":", "a.b.svc.c:1", "\\.:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		if s := n.service(); s.Name == "" || slices.Contains(s.Names, "") || slices.Contains(s.Names, s.Name) {
			t.Errorf("%q: %+v", text, s)
		}
		cfg := DefaultConfig()
		cfg.Names = []Name{n}
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
	})
}

func TestCounts(t *testing.T) {
	cfg := DefaultConfig()
	for ttl, want := range map[time.Duration]time.Duration{0: 5 * time.Second, 30 * time.Second: 30 * time.Second, 24 * time.Hour: 5 * time.Minute} {
		if got := cfg.counts(ttl); got != want {
			t.Errorf("%s counts %s; want %s", ttl, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Names, cfg.Server, cfg.Family, cfg.Least, cfg.Tries, cfg.Clock = []Name{{Name: "a b"}}, "x", "5", 0, 0, nil
	_, err := New(cfg)
	for _, want := range []string{`name "a b"`, `server "x" is no host:port`, `addresses "5"`, "count from 0s", "0 tries", "no clock"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	cfg = DefaultConfig()
	cfg.Resolv = ""
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "0 names") || !strings.Contains(err.Error(), "no server and no resolv.conf") {
		t.Error(err)
	}
}

func TestResolvConf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("search default.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\nnameserver fd00::10\nnameserver 1.1.1.1\nnameserver 2.2.2.2\noptions ndots:5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Resolv = file
	a := &asker{Config: cfg}
	for name, want := range map[string]string{
		"reviews.default":  "[reviews.default.default.svc.cluster.local. reviews.default.svc.cluster.local. reviews.default.]",
		"reviews.example.": "[reviews.example.]",
	} {
		servers, names, err := a.servers(name)
		if err != nil || fmt.Sprint(servers) != "[10.96.0.10:53 [fd00::10]:53 1.1.1.1:53]" || fmt.Sprint(names) != want {
			t.Errorf("%s: %v %v %v", name, servers, names, err)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.servers("x"); err == nil || !strings.Contains(err.Error(), "names no server") {
		t.Error(err)
	}
	os.Remove(file)
	if _, _, err := a.servers("x"); err == nil || !strings.Contains(err.Error(), "resolv.conf") {
		t.Error(err)
	}
}

// FuzzAnswer reads what a hostile server may send.
func FuzzAnswer(f *testing.F) {
	for _, records := range [][]string{
		{"a. 0 IN A 127.0.0.1", "a. 1 IN AAAA ::1"}, {"a. 0 IN CNAME b.", "b. 5 IN SRV 1 2 3 c.", "c. 0 IN A 1.2.3.4"}, {"a. 0 IN CNAME a."}, {"a. 0 IN SRV 0 0 0 ."},
	} {
		m := new(dns.Msg).SetQuestion("a.", dns.TypeSRV)
		m.Response = true
		for i, text := range records {
			r, err := dns.NewRR(text)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, r)
			if i > 0 {
				m.Extra = append(m.Extra, r)
			}
		}
		packed, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	a := &asker{Config: DefaultConfig()}
	a.Family = Both
	f.Fuzz(func(t *testing.T, packed []byte) {
		m := new(dns.Msg)
		if m.Unpack(packed) != nil {
			return
		}
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
			found := read(m, "a.", kind)
			if found.ttl < 0 || len(found.addresses)+len(found.records) > len(m.Answer) {
				t.Errorf("%+v of %v", found, m)
			}
			r := &resolved{}
			for _, record := range chosen(found.records, r) {
				if beside := a.beside(m, record.Target); beside != nil {
					for _, e := range endpoints(record, beside.addresses) {
						if e.Name == "" || e.Address == "" {
							t.Errorf("%+v", e)
						}
					}
				}
			}
		}
	})
}
