package accesslog

import (
	"os"
	"strings"
	"testing"
)

// TestDocs reads the samples of docs/access-logs.md as what they are said to be.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/access-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, block := range strings.Split(string(text), "```") {
		if i%2 == 0 {
			continue
		}
		name, lines, _ := strings.Cut(block, "\n")
		got, tally, err := all(t, DefaultConfig(), file(t, "access.log", lines))
		if err != nil || tally.Files[0].Format != name || tally.Sum().Bad != 0 || len(got) == 0 {
			t.Errorf("%s: %+v, %v", name, tally, err)
		}
		seen[name] = true
	}
	for _, name := range Formats() {
		if !seen[name] && name != "nginx-ingress" {
			t.Errorf("no sample of %s", name)
		}
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("nothing is said of %s", name)
		}
	}
	if plain := strings.Join(strings.Fields(strings.NewReplacer("'\n", " ", "'", "").Replace(string(text))), " "); !strings.Contains(plain, NginxLogFormat) {
		t.Error("the log_format is not the one that is read")
	}
}
