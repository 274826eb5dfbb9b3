package model

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func openRules(t *testing.T, path string) *RulesDirectory {
	t.Helper()
	d, err := OpenRulesDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	d.By = "ann@here"
	return d
}

// TestRulesDirectory: versions of rules are kept as those of models are.
func TestRulesDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules")
	d, ctx := openRules(t, path), t.Context()
	if _, err := d.Latest(ctx); !errors.Is(err, ErrNoRules) {
		t.Errorf("latest of none: %v", err)
	}
	if IsRulesDirectory(path) {
		t.Error("an empty directory is taken for one of rules")
	}
	texts := []string{"version: spring\n", "version: summer # ü\n", ""}
	for i, name := range []string{"spring", "summer", "e3b0c4429"} {
		if v, err := d.Publish(ctx, name, texts[i]); err != nil || v != Version(i+1) {
			t.Fatalf("published version %d, %v; want %d", v, err, i+1)
		}
	}
	if !IsRulesDirectory(path) {
		t.Error("a directory of rules is not known")
	}
	for i, text := range texts {
		if v, err := d.Get(ctx, Version(i+1)); err != nil || v.Text != text {
			t.Errorf("version %d: %+v, %v; want %q", i+1, v, err, text)
		}
	}
	if err := d.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := d.Promote(ctx, 4); err == nil || !strings.Contains(err.Error(), "no version 4") {
		t.Errorf("promoted version 4: %v", err)
	}
	other := openRules(t, path) // another program
	if err := other.RollBack(ctx, 1, 3, "errors"); err != nil {
		t.Fatal(err)
	}
	if err := d.RollBack(ctx, 1, 2, "errors"); !errors.Is(err, ErrMoved) {
		t.Errorf("the second roll-back from 1: %v; want ErrMoved", err)
	}
	if v, err := d.Latest(ctx); err != nil || v.Version != 3 || !v.Latest || v.Text != "" {
		t.Errorf("latest is %+v, %v; want 3, which is empty", v, err)
	}
	list, err := other.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []RulesVersion{{Version: 1, Name: "spring"}, {Version: 2, Name: "summer"}, {Version: 3, Name: "e3b0c4429", Latest: true}}
	for i := range want {
		want[i].Author = "ann@here"
	}
	if diff := cmp.Diff(want, list, cmpopts.IgnoreFields(RulesVersion{}, "Hash", "Time")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	events, err := d.Events(ctx, 0)
	if err != nil || len(events) != 5 || events[4].Kind != RolledBack || events[4].Subject != SubjectRules {
		t.Errorf("events %+v, %v", events, err)
	}
	if got := Before(SubjectRules, Entries(list), events); got != 2 {
		t.Errorf("before the latest was version %d; want 2, as 1 was rolled back", got)
	}
}

// TestDamagedRules are told, are not gone back to, and hide no others.
func TestDamagedRules(t *testing.T) {
	path := t.TempDir()
	d, ctx := openRules(t, path), t.Context()
	for _, text := range []string{"a: 1", "b: 2", "c: 3"} {
		if _, err := d.Publish(ctx, "x", text); err != nil {
			t.Fatal(err)
		}
	}
	for v, text := range map[string]string{"000001.rules": "{", "000002.rules": `{"hash": "aa", "text": "b: 3"}`} {
		if err := os.WriteFile(filepath.Join(path, v), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for v := Version(1); v < 3; v++ {
		if err := d.RollBack(ctx, 3, v, ""); err == nil || !strings.Contains(err.Error(), "promote another") {
			t.Errorf("went back to damaged version %d: %v", v, err)
		}
	}
	if list, err := d.List(ctx); err != nil || len(list) != 3 || list[0].Err == nil || list[1].Err == nil || list[2].Err != nil {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := d.Publish(ctx, "x", "bad: \xff"); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("text that would be damaged was published: %v", err)
	}
	if v, err := d.Publish(ctx, strings.Repeat("long", 5000), "d: 4"); err != nil || v != 4 {
		t.Errorf("a long name: version %d, %v", v, err)
	}
}
