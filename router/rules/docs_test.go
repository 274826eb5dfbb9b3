package rules

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const page = "../../docs/rules.md"

// TestDocsParse keeps the example of the page a file that is taken.
func TestDocsParse(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) == 0 {
		t.Fatal("the page shows no rules")
	}
	for _, block := range blocks {
		f, err := Parse(page, block[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Compile(f); err != nil {
			t.Error(err)
		}
	}
}

// TestDocsNameEveryField asks the reader itself which fields there are.
func TestDocsNameEveryField(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const odd = "{?: 0}"
	_, err = Parse("r", []byte(strings.ReplaceAll(`
?: 0
classes: [ODD]
services:
  - ?: 0
    objective: ODD
    limits: ODD
    health: {?: 0, checks: [{http: ODD}, {grpc: ODD}, {tcp: ODD}]}
    locality: {?: 0, spill: ODD}
    balance: {?: 0, hash: [{?: 0, cookie: ODD}]}
    circuit: ODD
    outlier: ODD
    subsets: [ODD]
    endpoints: [ODD]
    routes: [{?: 0, to: [ODD], criteria: ODD, match: {?: 0, path: ODD, source: ODD}}]
`, "ODD", odd)))
	if err == nil {
		t.Fatal("no field is odd")
	}
	fields := 0
	for _, list := range regexp.MustCompile(`(?m)use one of (.*)$`).FindAllStringSubmatch(err.Error(), -1) {
		for _, field := range strings.Split(list[1], ", ") {
			fields++
			if !regexp.MustCompile("`(\\{?[a-z]+: \\[?)*\\{*" + field + "\\b|[{ ]" + field + ":").Match(text) {
				t.Errorf("%s does not tell of the field %s", page, field)
			}
		}
	}
	if fields < 80 {
		t.Errorf("only %d fields are known:\n%v", fields, err)
	}
}
