package fairway

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeShowsTheRules keeps the example of the README the file that is
// shipped and checked.
func TestReadmeShowsTheRules(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("datasets/recordings/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```yaml\n"+string(rules)+"```\n") {
		t.Error("README.md does not show datasets/recordings/rules.yaml as it is")
	}
}
