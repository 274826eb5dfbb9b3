package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/postgres/pgtest"
)

// shipped is a model file of the size that is served.
const shipped = "models/routing.model"

// latestOf is the version that a list marks.
func latestOf(t *testing.T, list string) string {
	t.Helper()
	for line := range strings.Lines(list) {
		if words := strings.Fields(line); len(words) > 1 && words[1] == "*" {
			return words[0]
		}
	}
	t.Fatalf("no version is marked as the latest in:\n%s", list)
	return ""
}

// TestVersionsOfModels walks one succession through a directory and a database.
func TestVersionsOfModels(t *testing.T) {
	walk := func(t *testing.T, registry string) {
		step := func(want string, args ...string) {
			t.Helper()
			mustCall(t, append([]string{"model"}, args...)...)
			if got := latestOf(t, mustCall(t, "model", "list", registry)); got != want {
				t.Fatalf("after %q version %s is the latest; want %s", args, got, want)
			}
		}
		step("1", "publish", registry, shipped)
		step("2", "publish", registry, shipped)
		step("3", "publish", registry, shipped)
		step("1", "promote", registry, "1")
		step("3", "rollback", registry) // what was served before, not what is less by one
		step("2", "rollback", registry) // not 1, which was rolled back
		if _, _, err := call(t, "model", "rollback", registry); exitStatus(err) != 1 || !strings.Contains(err.Error(), "no readable version before 2") {
			t.Errorf("a roll-back beyond the first good version says %v", err)
		}
		if _, _, err := call(t, "model", "promote", registry, "9"); exitStatus(err) != 1 || !strings.Contains(err.Error(), "no version 9") {
			t.Errorf("promoting version 9 says %v", err)
		}
		for _, version := range []string{"0", "-1", "two", "9223372036854775808"} {
			if _, _, err := call(t, "model", "promote", registry, "--", version); exitStatus(err) != 2 {
				t.Errorf("promoting version %s says %v; want a wrong call", version, err)
			}
		}
		if out := mustCall(t, "model", "show", registry); !strings.Contains(out, "version 2") {
			t.Errorf("show says of the latest:\n%s", out)
		}
		if out := mustCall(t, "model", "show", registry, "3"); !strings.Contains(out, "version 3") {
			t.Errorf("show says of version 3:\n%s", out)
		}
		var kinds []string
		for line := range strings.Lines(mustCall(t, "model", "events", registry)) {
			words := strings.Fields(line)
			kinds = append(kinds, words[2]+" "+strings.Join(words[3:min(5, len(words))], " "))
			if words[0] != "time" && !strings.Contains(line, person()) {
				t.Errorf("the event %q does not say who", line)
			}
		}
		want := []string{"version from event", "1 published " + person(), "2 1 published", "3 2 published", "1 3 promoted", "3 1 rolled_back", "2 3 rolled_back"}
		if strings.Join(kinds, "; ") != strings.Join(want, "; ") {
			t.Errorf("events %q; want %q", kinds, want)
		}
	}
	t.Run("directory", func(t *testing.T) { walk(t, filepath.Join(t.TempDir(), "registry")) })
	t.Run("database", func(t *testing.T) { walk(t, pgtest.Start(t).URL("postgres")) })
}

// TestNoDatabase: one that is away is named, and the password is not.
func TestNoDatabase(t *testing.T) {
	const url = "postgres://ann:secret@127.0.0.1:1/models"
	for _, args := range [][]string{{"model", "list", url}, {"model", "publish", url, shipped}, {"model", "show", url}, {"rules", "rollback", url}} {
		_, _, err := call(t, args...)
		if exitStatus(err) != 1 || !strings.Contains(err.Error(), `database "models" at 127.0.0.1:1 does not answer`) || strings.Contains(err.Error(), "secret") {
			t.Errorf("fairway %s says %v", args[:2], err)
		}
	}
}

// TestVersionsOfRules walks one succession through a directory and a database.
func TestVersionsOfRules(t *testing.T) {
	t.Run("directory", func(t *testing.T) { walkRules(t, filepath.Join(t.TempDir(), "registry")) })
	t.Run("database", func(t *testing.T) { walkRules(t, pgtest.Start(t).URL("postgres")) })
}

func walkRules(t *testing.T, database string) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, _, err := call(t, "rules", "rollback", database); err == nil || !strings.Contains(err.Error(), "no rules have been published") && !strings.Contains(err.Error(), "has no versions of rules") {
		t.Errorf("a roll-back of nothing says %v", err)
	}
	if _, _, err := call(t, "rules", "publish", database, write("services: [{name: shop, routes: 7}]")); exitStatus(err) != 1 || !strings.Contains(err.Error(), "rules.yaml:1") {
		t.Errorf("publishing broken rules says %v; want the line", err)
	}
	if out, _, _ := call(t, "rules", "list", database); strings.Count(out, "\n") > 1 {
		t.Errorf("broken rules were published:\n%s", out)
	}
	for i, name := range []string{"spring", "summer", "autumn"} {
		mustCall(t, "rules", "publish", database, write("version: "+name+"\n"))
		if out := mustCall(t, "rules", "list", database); latestOf(t, out) != string(rune('1'+i)) || !strings.Contains(out, name) || !strings.Contains(out, person()) {
			t.Errorf("the list after publishing %s:\n%s", name, out)
		}
	}
	mustCall(t, "rules", "promote", database, "1")
	if isDatabase(database) {
		mustCall(t, "model", "publish", database, shipped) // of another subject: its events do not count
	}
	mustCall(t, "rules", "rollback", database)
	if got := latestOf(t, mustCall(t, "rules", "list", database)); got != "3" {
		t.Errorf("rolled back to version %s; want 3, which was served before", got)
	}
	if out := mustCall(t, "rules", "events", database); strings.Count(out, "published") != 3 || strings.Count(out, "rolled_back") != 1 || strings.Contains(out, "model") {
		t.Errorf("events of the rules:\n%s", out)
	}
	// A directory of manifests is a version too, which is read back as it was.
	mustCall(t, "rules", "publish", database, "testdata/rules/now")
	if out := mustCall(t, "rules", "publish", database, "testdata/rules/next"); !strings.Contains(out, "as version 5") {
		t.Errorf("published %q", out)
	}
	golden(t, "rules-diff.txt", mustCall(t, "rules", "diff", database, "4")+"---\n"+mustCall(t, "rules", "diff", database, "4", "4"))
	var now struct{ Version, Hash string }
	if err := json.Unmarshal([]byte(mustCall(t, "rules", "check", "--json", "testdata/rules/now")), &now); err != nil {
		t.Fatal(err)
	}
	if out := mustCall(t, "rules", "list", database); !strings.Contains(out, now.Version) || !strings.Contains(out, now.Hash) || latestOf(t, out) != "5" {
		t.Errorf("the list has\n%s", out)
	}
	for _, args := range [][]string{{"diff", database}, {"diff", database, "x"}, {"diff", "testdata/rules/now"}} {
		if _, _, err := call(t, append([]string{"rules"}, args...)...); exitStatus(err) != 2 {
			t.Errorf("fairway rules %q says %v; want a wrong call", args, err)
		}
	}
	for _, args := range [][]string{{"list", "rules.yaml"}, {"list"}, {"rollback", database, "1"}} {
		if _, _, err := call(t, append([]string{"rules"}, args...)...); exitStatus(err) != 2 {
			t.Errorf("fairway rules %q says %v; want a wrong call", args, err)
		}
	}
}
