package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// TestThreatsCommand asks an admin port, and tells what it says; what cannot be done
// is said with its reason.
func TestThreatsCommand(t *testing.T) {
	heard := ""
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		heard = r.Method + " " + r.URL.Path + " " + string(text)
		if strings.Contains(heard, "nobody") {
			http.Error(w, "no such override", http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(threat.View{Mode: threat.DryRun, OnHigh: threat.Refuse, OnFailure: threat.Open, Callers: []threat.Caller{
			{Identity: "spiffe://d/a", Level: threat.High, Judged: threat.High, Reason: "new_services 40 against 0 usual", Until: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)},
			{Identity: "spiffe://d/b"},
		}})
	}))
	defer admin.Close()
	call := func(args ...string) (string, string, error) {
		var out, log bytes.Buffer
		err := run(t.Context(), append([]string{"threats", "--admin", admin.URL}, args...), &out, &log)
		return out.String(), log.String(), err
	}
	out, _, err := call("list")
	if err != nil || !strings.Contains(out, "spiffe://d/a  high   high    2026-11-27T12:00:00Z  new_services 40") || strings.Contains(out, "spiffe://d/b") || heard != "GET /threats " {
		t.Errorf("%q, %v, heard %q", out, err, heard)
	}
	if out, _, err = call("list", "--all"); err != nil || !strings.Contains(out, "spiffe://d/b") {
		t.Errorf("%q, %v", out, err)
	}
	_, log, err := call("set", "spiffe://d/a", "low", "--for", "2h", "--why", "a test of ours")
	if err != nil || heard != `POST /threats {"for":"2h0m0s","identity":"spiffe://d/a","level":"low","why":"a test of ours"}` || !strings.Contains(log, "dry-run") {
		t.Errorf("%q, %v, heard %q", log, err, heard)
	}
	if _, _, err = call("clear", "nobody"); err == nil || !strings.Contains(err.Error(), "no such override") {
		t.Errorf("%v", err)
	}
	for _, bad := range [][]string{{"set", "a", "low"}, {"set", "a"}, {"clear"}, {"list", "a"}} {
		if _, _, err := call(bad...); err == nil || strings.Contains(err.Error(), "`") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// TestThreatsList is what an engineer reads at night: who, until when and why; what a
// certificate may hold that a terminal obeys is not printed.
func TestThreatsList(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 27, 12, minute, 0, 0, time.UTC) }
	v := threat.View{Mode: threat.Enforce, OnHigh: threat.Quarantine, OnFailure: threat.Open, Failing: "clock", Callers: []threat.Caller{
		{Identity: "spiffe://prod.example/ns/shop/sa/cart", Level: threat.High, Judged: threat.High, Until: at(5), Reason: "new_services 40 against 0.1 usual, 0 of its peers, limit 32"},
		{Identity: "cn:evil\x1b[2J\r\u202e", Level: threat.Medium, Judged: threat.Medium, Until: at(4), Reason: "rate 812 against 210 usual, 1.1 of its peers, limit 1000"},
		{Identity: "spiffe://prod.example/batch/1", Judged: threat.High, Override: &threat.Override{Level: threat.Low, Until: at(59), Why: "migration, ticket 1234"}},
		{Identity: "spiffe://prod.example/quiet"},
	}}
	const want = `mode enforce, high: quarantine, when it fails: open; IT FAILS: clock
IDENTITY                               LEVEL   JUDGED  UNTIL                 WHY
spiffe://prod.example/ns/shop/sa/cart  high    high    2026-11-27T12:05:00Z  new_services 40 against 0.1 usual, 0 of its peers, limit 32
cn:evil?[2J??                          medium  medium  2026-11-27T12:04:00Z  rate 812 against 210 usual, 1.1 of its peers, limit 1000
spiffe://prod.example/batch/1          low     high    2026-11-27T12:59:00Z  overruled: migration, ticket 1234
`
	var out bytes.Buffer
	if err := writeCallers(&out, v, false); err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	out.Reset()
	v = threat.View{Mode: threat.DryRun, OnHigh: threat.Refuse, OnFailure: threat.Open, ServicesFrom: at(10).In(time.FixedZone("CET", 3600))}
	const warming = `mode dry-run, high: refuse, when it fails: open
services are judged from 12:10:00 UTC on: the daemon has just begun, and whoever calls is new to it
IDENTITY  LEVEL  JUDGED  UNTIL  WHY
`
	if err := writeCallers(&out, v, false); err != nil || out.String() != warming {
		t.Errorf("%v\n%s", err, out.String())
	}
}
