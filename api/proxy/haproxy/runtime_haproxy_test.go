package haproxy

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// keep keeps the table's weights at the socket until stop.
func keep(t *testing.T, table *router.Table, socket string, cfg RuntimeConfig) (stop func()) {
	t.Helper()
	r, err := NewRuntime(table, nil, nil, slog.New(slog.DiscardHandler), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSocket("unix:" + socket + "=web")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Keep(ctx, s) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// TestRuntime is weights that are set by HAProxy's command socket: also where its
// configuration gives servers a weight of 1, or an agent check wants the last word;
// when HAProxy is started again, and when the daemon goes.
func TestRuntime(t *testing.T) {
	table := newTable(t)
	publish(table, 0.5, 0.185, 0.315)
	dir, front := t.TempDir(), porttest.Address(t)
	agent, stopAgent := start(t, newTable(t)) // of another opinion: 100 % for all
	defer stopAgent()
	sections := "frontend in\n    bind " + front + "\n    default_backend web\nbackend web\n    balance random(1)\n"
	for _, name := range []string{"b1", "b2", "b3"} {
		sections += fmt.Sprintf("    server %s %s", name, endpointOf(t, name))
		if name == "b2" {
			host, port, _ := strings.Cut(agent, ":")
			sections += " check inter 1s agent-check agent-inter 100ms agent-addr " + host + " agent-port " + port
		}
		sections += "\n"
	}
	socket, kill := run(t, dir, sections)
	stop := keep(t, table, socket, DefaultRuntimeConfig())
	await(t, socket, "100 37 63")
	split(t, front, 0.5, 0.185, 0.315)
	publish(table, 0.1, 0.9, 0)
	await(t, socket, "11 100 0")
	split(t, front, 0.1, 0.9, 0)

	kill()
	socket, _ = run(t, dir, sections) // which begins with 1 1 1
	await(t, socket, "11 100 0")

	stop()
	publish(table, 0.5, 0.185, 0.315)
	if got := weights(t, socket); got != "11 100 0" {
		t.Errorf("without the daemon the weights are %s; want the last ones", got)
	}
	split(t, front, 0.1, 0.9, 0)

	cfg := DefaultRuntimeConfig()
	cfg.Restore = true
	stop = keep(t, table, socket, cfg)
	await(t, socket, "100 37 63")
	stop()
	if got := weights(t, socket); got != "1 1 1" {
		t.Errorf("after a stop that restores, the weights are %s; want those of the configuration", got)
	}
}

func TestRuntimeWithoutHAProxy(t *testing.T) {
	stop := keep(t, newTable(t), filepath.Join(t.TempDir(), "nobody"), DefaultRuntimeConfig())
	stop() // it ends although nobody ever answered
}

// TestRuntimeForgets: an endpoint that the table does not know any more is left to
// HAProxy's own balancing, not at the weight that it had last.
func TestRuntimeForgets(t *testing.T) {
	table := router.NewTable(ruled(t, "{name: b1}, {name: b2}, {name: b3, weight: 0.5}"), router.DefaultConfig())
	_, socket := listening(t, "", "    balance random(1)\n", "", "")
	await(t, socket, "1 1 1")
	keep(t, table, socket, DefaultRuntimeConfig())
	await(t, socket, "100 100 50")
	table.SetRules(ruled(t, "{name: b1}, {name: b2, weight: 0.1}"))
	await(t, socket, "100 10 100")
}

func ruled(t *testing.T, endpoints string) *rules.Set {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte("services: [{name: web, endpoints: ["+endpoints+"]}]"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
