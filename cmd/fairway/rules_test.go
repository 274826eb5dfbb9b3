package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesCheckReadsEveryFile holds that a bad file does not hide the others.
func TestRulesCheckReadsEveryFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "vresion: 1", "b": "version: 2", "c": "hello"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, _, err := call(t, "rules", "check", filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c"))
	if exitStatus(err) != 1 || !strings.Contains(err.Error(), `a:1: unknown field "vresion"`) || !strings.Contains(err.Error(), "c:1: ") {
		t.Errorf("error %v; want what is wrong with a and with c", err)
	}
	if !strings.Contains(out, "version 2") {
		t.Errorf("said of b %q; want that it is in order", out)
	}
}

func TestExplainSaysThatNoRuleNamesTheService(t *testing.T) {
	rules := filepath.Join("..", "..", "datasets", "recordings", "rules.yaml")
	if out := mustCall(t, "rules", "explain", "--rules", rules, "--service", "chekcout"); !strings.Contains(out, `names no service "chekcout"`) {
		t.Errorf("explain says %q of a service that is not there", out)
	}
	if out := mustCall(t, "rules", "explain", "--rules", rules, "--service", "checkout"); strings.Contains(out, "names no") {
		t.Errorf("explain says %q of a service that is there", out)
	}
}
