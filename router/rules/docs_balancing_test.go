package rules

import (
	"os"
	"strings"
	"testing"
)

// TestDocsBalancing: the examples of docs/balancing.md are rules.
func TestDocsBalancing(t *testing.T) {
	text, err := os.ReadFile("../../docs/balancing.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		f, err := Parse("docs/balancing.md", []byte(block))
		if err != nil {
			t.Errorf("%v in\n%s", err, block)
		} else if len(f.Services) != 1 || f.Services[0].Locality.Spill == nil {
			t.Errorf("read %+v of\n%s", f.Services, block)
		}
	}
}
