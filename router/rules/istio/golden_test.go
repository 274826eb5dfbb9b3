package istio

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of testdata anew")

// TestGolden compares all that is said of the files of testdata with what was said
// before: errors, then findings.
func TestGolden(t *testing.T) {
	for _, name := range []string{"refused", "refused-destinations", "findings", "gateways"} {
		_, findings, err := Translate(read(t, "testdata/"+name+".yaml"))
		var got strings.Builder
		for _, line := range lines(err) {
			got.WriteString(strings.ReplaceAll(line, "\u00a0", " ") + "\n") // protobuf varies its blanks
		}
		for _, f := range findings {
			got.WriteString(f.String() + "\n")
		}
		golden := "testdata/" + name + ".txt"
		if *rewrite {
			if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (after a change that is meant: go test ./router/rules/istio -run TestGolden -rewrite): %s", golden, diff)
		}
	}
}
