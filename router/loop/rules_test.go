package loop

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/trial"
)

// settled looks until what is there has settled.
func settled(t *testing.T, o Origin) Change {
	t.Helper()
	c, err := First(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHistory: every version of files is published once; what is rolled back stays so
// until the files change.
func TestHistory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules")
	put := func(version string) {
		t.Helper()
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "shop.yaml"), ruled(t, version, 1, 1).Text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	registry, err := model.OpenRulesDirectory(filepath.Join(dir, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	var troubles []error
	open := func() Origin {
		return History(path, registry, "test", func(err error) { troubles = append(troubles, err) })
	}
	o := open()
	put("a")
	first := settled(t, o)
	put("b")
	second := settled(t, o)
	if first.Name != "1" || second.Name != "2" || second.Rules.Version() != "b" || first.ID == second.ID {
		t.Errorf("%v, then %v", first.Version, second.Version)
	}
	if again := settled(t, open()); again.ID != second.ID { // after a restart
		t.Errorf("after a restart %v; want %v", again.Version, second.Version)
	}
	if err := registry.RollBack(t.Context(), 2, 1, "by hand"); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Origin{o, open()} {
		if c := settled(t, o); c.ID != first.ID || !c.Back || c.Rules.Version() != "a" {
			t.Errorf("after a roll-back %v, back %v", c.Version, c.Back)
		}
	}
	put("c")
	if c := settled(t, o); c.Name != "3" || c.Back {
		t.Errorf("after a change %v", c.Version)
	}
	put("b") // as it was: a version of its own
	if c := settled(t, o); c.Name != "4" || c.Rules.Version() != "b" {
		t.Errorf("after going back by hand %v", c.Version)
	}
	if err := os.WriteFile(filepath.Join(path, "shop.yaml"), []byte("services:\n  - nam: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = First(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(path, "shop.yaml")+":2") {
		t.Errorf("of a broken file: %v; want the file and line", err)
	}
	if all, err := registry.List(t.Context()); err != nil || len(all) != 4 || len(troubles) > 0 {
		t.Errorf("kept are %+v, %v, %v", all, err, troubles)
	}
}

// TestHistoryThatCannotBeKept: the rules serve none the less.
func TestHistoryThatCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(path, ruled(t, "a", 1, 1).Text, 0o600); err != nil {
		t.Fatal(err)
	}
	registry, err := model.OpenRulesDirectory(filepath.Join(dir, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	var trouble error
	o := History(path, registry, "test", func(err error) { trouble = err })
	c := settled(t, o)
	if c.Rules.Version() != "a" || trouble == nil {
		t.Errorf("%v, %v", c.Version, trouble)
	}
	if err := o.Told(t.Context(), Outcome{Kind: model.RolledBack, Change: c}); err != nil {
		t.Errorf("told of what it did not keep: %v", err)
	}
}

// TestHistoryOfATrial: what a trial takes back is the latest of the history no more.
func TestHistoryOfATrial(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	put := func(version string) {
		t.Helper()
		if err := os.WriteFile(path, ruled(t, version, 1, 1).Text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	registry, err := model.OpenRulesDirectory(filepath.Join(dir, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	put("a")
	o := History(path, registry, "test", func(err error) { t.Error(err) })
	s, err := OpenState("")
	if err != nil {
		t.Fatal(err)
	}
	var judge script
	w := newWorld(t, persistence(1), settled(t, o), judge.begin)
	w.pass(8)
	w.follow(t, o, s)
	put("b")
	until(t, "b is tried", func() bool { return w.trial() == "2" })
	judge.say(trial.Verdict{Step: trial.RollBack, Why: "it is worse"})
	w.Review()
	until(t, "1 is the latest again", func() bool {
		v, err := registry.Latest(t.Context())
		return err == nil && v.Version == 1
	})
	if a := w.answers(); a.RulesVersion != "a" {
		t.Errorf("%+v", a)
	}
}

// TestRulesDirectoryThatIsEmptied: it is told, and is no change.
func TestRulesDirectoryThatIsEmptied(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(path, ruled(t, "a", 1, 1).Text, 0o600); err != nil {
		t.Fatal(err)
	}
	o := RulesFile(dir)
	settled(t, o)
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := o.Look(t.Context()); !errors.Is(err, ErrUnsettled) {
			t.Errorf("files without a word: %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if c, err := o.Look(t.Context()); err == nil || c.ID != "" || !strings.Contains(err.Error(), "no rules") {
		t.Errorf("an empty directory: %v, %v", c.Version, err)
	}
}
