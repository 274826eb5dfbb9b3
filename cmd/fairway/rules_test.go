package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRulesCheckReadsEveryFile holds that a bad file does not hide the others.
func TestRulesCheckReadsEveryFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "vresion: 1", "b": "version: 2", "c": "hello"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := call(t, "rules", "check", filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c"))
	if exitStatus(err) != 1 || !strings.Contains(err.Error(), `a:1: unknown field "vresion"`) || !strings.Contains(err.Error(), "c:1: ") {
		t.Errorf("error %v; want what is wrong with a and with c", err)
	}
	if out := mustCall(t, "rules", "check", filepath.Join(dir, "b")); !strings.Contains(out, "version 2") {
		t.Errorf("said of b %q; want that it is in order", out)
	}
	out, _, err := call(t, "rules", "check", "--json", filepath.Join(dir, "a"), filepath.Join(dir, "c"))
	var said struct {
		OK     bool
		Errors []string
	}
	if json.Unmarshal([]byte(out), &said) != nil || said.OK || len(said.Errors) != 2 || exitStatus(err) != 1 {
		t.Errorf("in JSON: %s, %v", out, err)
	}
}

// golden compares what a command prints with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewriteRules {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

var rewriteRules = flag.Bool("rewrite-rules", false, "write the golden files of `fairway rules` anew")

// TestRulesOfManifests holds what is said of a directory of manifests and a file of
// fairway's own, word by word.
func TestRulesOfManifests(t *testing.T) {
	const dir = "testdata/rules/"
	out, log, err := call(t, "rules", "check", dir+"now")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rules-check.txt", out+log)
	_, log, err = call(t, "rules", "check", dir+"now", dir+"clash.yaml")
	if exitStatus(err) != 1 {
		t.Errorf("a clash: %v", err)
	}
	golden(t, "rules-clash.txt", fmt.Sprintln(err)+log)
	explained := ""
	for _, args := range [][]string{
		{"--service", "shop"}, {"--service", "shop", "--header", "x-canary=always", "--path", "/cart?a=b"},
		{"--service", "ledger", "--method", "POST", "--path", "/bank.Ledger/Book"}, {"--service", "reviews", "--header", "end-user=jason"}, {"--service", "nobody"},
	} {
		out, _, err := call(t, append([]string{"rules", "explain", "--rules", dir + "now"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		explained += fmt.Sprintln("$", args) + out
	}
	golden(t, "rules-explain.txt", explained)
	full := mustCall(t, "rules", "explain", "--rules", dir+"now", "--service", "ledger.default.svc.cluster.local", "--path", "/x")
	if short := mustCall(t, "rules", "explain", "--rules", dir+"now", "--service", "ledger", "--path", "/x"); full != short {
		t.Errorf("by its full name the service is another:\n%s\n%s", full, short)
	}
	golden(t, "rules-diff.txt", mustCall(t, "rules", "diff", dir+"now", dir+"next")+
		"---\n"+mustCall(t, "rules", "diff", dir+"now", dir+"now"))
}

func TestExplainSaysThatNoRuleNamesTheService(t *testing.T) {
	rules := filepath.Join("..", "..", "datasets", "recordings", "rules.yaml")
	if out := mustCall(t, "rules", "explain", "--rules", rules, "--service", "chekcout"); !strings.Contains(out, `names no service "chekcout"`) || !strings.Contains(out, "it names checkout\n") {
		t.Errorf("explain says %q of a service that is not there", out)
	}
	if out := mustCall(t, "rules", "explain", "--rules", rules, "--service", "checkout"); strings.Contains(out, "names no") {
		t.Errorf("explain says %q of a service that is there", out)
	}
}
