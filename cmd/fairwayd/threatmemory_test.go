package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity"
	"github.com/fairway-mesh/fairway/api/identity/threat"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// asks is one call by an identity, by a connection of its own.
func asks(t testing.TB, api string, s *identity.Source, service string) error {
	t.Helper()
	conn, err := grpc.NewClient(api, grpc.WithTransportCredentials(identity.ClientCredentials(s, "")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = fairwayv1.NewRouterClient(conn).Decide(ctx, &fairwayv1.DecideRequest{Service: service}, grpc.WaitForReady(true))
	return err
}

func refusedAs(err error, reason string) bool {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(interface{ GetReason() string }); ok && info.GetReason() == reason {
			return true
		}
	}
	return false
}

const guardedAccess = `
allow: [{identity: 'spiffe://fairway.local/*', methods: [Decide], services: [shop]}]
threats: {mode: %s, hold: 1h}
`

// TestRaisedBeforeRestart: a caller that was raised for what it did is refused by the
// first daemon after the one that was killed, and so is whom an operator said it of; in
// a dry run it is told only; in mode off nothing is kept.
func TestRaisedBeforeRestart(t *testing.T) {
	t.Parallel()
	state, access := t.TempDir(), write(t, "access.yaml", fmt.Sprintf(guardedAccess, threat.Enforce))
	p := startChild(t, porttest.Address(t), porttest.Address(t), "--rules", write(t, "r.yaml", tinyRules), "--tls", "--state", state, "--access", access)
	thief, leaked, honest := caller(t, state, "/thief"), caller(t, state, "/leaked"), caller(t, state, "/honest")
	for i := range 20 {
		if err := asks(t, p.api, thief, fmt.Sprint("secret-", i)); err == nil {
			t.Fatal("it may ask about everything")
		}
	}
	eventually(t, "it is refused", func() bool { return refusedAs(asks(t, p.api, thief, "shop"), "HIGH_THREAT") })
	admin := &program{admin: p.admin}
	if code, body := admin.post(t, `{"identity": "spiffe://fairway.local/leaked", "level": "high", "for": "1h", "why": "its key leaked"}`); code != http.StatusOK {
		t.Fatal(body)
	}
	kept := func() bool {
		text, err := os.ReadFile(filepath.Join(state, "threats", "levels"))
		return err == nil && bytes.Contains(text, []byte("/thief")) && bytes.Contains(text, []byte("its key leaked"))
	}
	eventually(t, "that is on the disk", kept)
	refused := func(when string) {
		t.Helper()
		if err := asks(t, p.api, thief, "shop"); !refusedAs(err, "HIGH_THREAT") {
			t.Errorf("%s, who was raised: %v", when, err)
		}
		if err := asks(t, p.api, leaked, "shop"); !refusedAs(err, "HIGH_THREAT") {
			t.Errorf("%s, whom an operator said it of: %v", when, err)
		}
		if err := asks(t, p.api, honest, "shop"); err != nil {
			t.Errorf("%s, another: %v", when, err)
		}
	}
	p.kill()
	p.run(t)
	refused("after a kill")
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p.run(t)
	refused("after it was stopped")
	v := admin.threats(t)
	if v.Callers[0].Signal == "" || v.Callers[0].Reason == "" || v.Callers[0].Until.IsZero() || len(v.Overrides) != 1 || v.Overrides[0].Why != "its key leaked" {
		t.Errorf("told after restarts: %+v", v)
	}
	if _, page := admin.get(t, "/metrics"); !strings.Contains(page, `fairway_threat_callers{level="high"} 2`) || !strings.Contains(page, `fairway_threat_restored{what="levels"} 1`) {
		t.Error("the metrics do not tell of who was raised")
	}
	again := func(mode string) {
		t.Helper()
		p.kill()
		if err := os.WriteFile(access, fmt.Appendf(nil, guardedAccess, mode), 0o600); err != nil {
			t.Fatal(err)
		}
		p.run(t)
	}
	again(threat.DryRun)
	if err := asks(t, p.api, thief, "shop"); err != nil || admin.threats(t).Callers[0].Level != threat.High {
		t.Errorf("in a dry run: %v", err)
	}
	again(threat.Off)
	again(threat.Enforce)
	if err := asks(t, p.api, thief, "shop"); err != nil {
		t.Errorf("after mode off: %v", err)
	}
}

// TestKilledWhileRemembering: the daemon is killed at random moments while operators say
// of ever other callers that they are threats. What was on the disk is in force each
// time, and nothing of it was half written.
func TestKilledWhileRemembering(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p := startChild(t, porttest.Address(t), porttest.Address(t), "--rules", write(t, "r.yaml", tinyRules), "--state", state)
	said := 0
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	onDisk := func(what string) int {
		text, _ := os.ReadFile(filepath.Join(state, "threats", "levels"))
		return bytes.Count(text, []byte(what))
	}
	for i := range 10 {
		stop, done := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			defer func() { done <- n }()
			for {
				body := strings.NewReader(fmt.Sprintf(`{"identity": "spiffe://d/%d/%d", "level": "high", "for": "1h", "why": "x"}`, i, n))
				answer, err := client.Post("http://"+p.admin+"/threats", "application/json", body)
				if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusOK {
					return
				}
				if n++; n == 90 {
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond): // about as fast as the disk is
				}
			}
		}()
		time.Sleep(time.Duration(i*37%10) * 80 * time.Millisecond) // a moment, not a wait for anything
		atLeast := onDisk("spiffe://d/")
		p.kill()
		close(stop)
		said += <-done
		p.run(t)
		kept := len((&program{admin: p.admin}).threats(t).Overrides)
		if kept < atLeast || kept > said+i+1 { // of the last of each nobody knows
			t.Errorf("after kill %d: %d overrides of %d, %d were on the disk", i, kept, said, atLeast)
		}
	}
	admin := &program{admin: p.admin}
	if code, body := admin.post(t, `{"identity": "spiffe://last/", "level": "high", "for": "1h", "why": "x"}`); code != http.StatusOK {
		t.Fatal(body)
	}
	eventually(t, "the last is on the disk", func() bool { return onDisk("spiffe://last/") == 1 })
	p.kill()
	p.run(t)
	if all := admin.threats(t).Overrides; len(all) == 0 || all[len(all)-1].Identity != "spiffe://last/" {
		t.Errorf("in force at last: %+v", all)
	}
	if text := p.log.String(); strings.Contains(text, "is dropped") || strings.Contains(text, "cannot be kept") {
		t.Error("something was not whole")
	}
	if left, _ := filepath.Glob(filepath.Join(state, "threats", ".writing-*")); len(left) > 1 {
		t.Errorf("left over: %v", left)
	}
}
