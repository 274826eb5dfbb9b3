package haproxy

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/proxy"
)

func TestParseSocket(t *testing.T) {
	for text, want := range map[string]string{
		"unix:/run/s=web":              "{unix:/run/s [{web web}]}",
		"127.0.0.1:9999=web,a/b@be_ab": "{127.0.0.1:9999 [{web web} {be_ab a/b}]}",
	} {
		if got, err := ParseSocket(text); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s is %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "web", "=web", "unix:=web", "unix:/s=", "unix:/s=web,", "socket=web", "unix:/s=a/b", "unix:/s=web@be;shutdown"} {
		if got, err := ParseSocket(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// TestRuntimeRefused: balancing that takes no weights, and a backend that is not there,
// are said once, and looked at again.
func TestRuntimeRefused(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.185, 0.315)
	_, socket := listening(t, "", "    balance source\n", "", "")
	for _, backend := range []string{"web", "web@nowhere"} {
		reg := prometheus.NewRegistry()
		r, err := NewRuntime(table, proxy.NewMetrics(reg), reg, slog.New(slog.DiscardHandler), DefaultRuntimeConfig())
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSocket("unix:" + socket + "=" + backend)
		if err != nil {
			t.Fatal(err)
		}
		k := keeper{Runtime: r, Socket: s, unknown: map[string]bool{}, set: map[string]bool{}}
		for range 3 {
			k.saw(t.Context(), k.settle(t.Context()))
		}
		if n := counted(t, reg, "fairway_proxy_fail_open_total", "refused"); n != 1 || k.failing == "" {
			t.Errorf("%s: refused %v times, %q; want it said once", backend, n, k.failing)
		}
	}
}

// TestRuntimeLacks: endpoints that HAProxy has no server for are told once, until they
// are others.
func TestRuntimeLacks(t *testing.T) {
	var said strings.Builder
	table := newTable(t)
	r, err := NewRuntime(table, nil, nil, slog.New(slog.NewTextHandler(&said, nil)), DefaultRuntimeConfig())
	if err != nil {
		t.Fatal(err)
	}
	k := keeper{Runtime: r, lacking: map[string]string{}}
	b := Backend{Service: "web", Name: "be_web"}
	all := []server{{name: "b1"}, {name: "b2"}, {name: "b3"}, {name: "more"}}
	for _, c := range []struct {
		has  []server
		told int
	}{{all, 0}, {all[:1], 1}, {all[:1], 1}, {all[:2], 2}, {all, 2}, {all[:2], 3}} {
		k.lack(b, c.has)
		if n := strings.Count(said.String(), "no server"); n != c.told {
			t.Fatalf("with %d servers it was told %d times; want %d\n%s", len(c.has), n, c.told, said.String())
		}
	}
	if !strings.Contains(said.String(), "endpoints=\"[b2 b3]\" of=2") {
		t.Error(said.String())
	}
}
