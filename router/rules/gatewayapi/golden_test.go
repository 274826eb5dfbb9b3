package gatewayapi

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func read(t testing.TB, path string) []manifest.Object {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Read(filepath.ToSlash(path), text)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// describe writes down all that a translation says.
func describe(services []rules.Service, findings []manifest.Finding, err error) string {
	var out strings.Builder
	for _, s := range services {
		fmt.Fprintf(&out, "service %s (%s)\n", s.Name, s.Where)
		if s.Balance.Algorithm != "" {
			fmt.Fprintf(&out, "  balance %s by %v\n", s.Balance.Algorithm, s.Balance.Hash)
		}
		for _, r := range s.Routes {
			fmt.Fprintf(&out, "  route %s (%s)\n", r.Name, r.Where)
			for _, c := range r.Match {
				fmt.Fprintf(&out, "    %s\n", c)
			}
			for _, t := range r.To {
				fmt.Fprintf(&out, "    to %+v\n", t)
			}
			if r.Timeout > 0 || r.Retries > 0 {
				fmt.Fprintf(&out, "    timeout %v, per try %v, retries %d on %q\n", r.Timeout, r.PerTry, r.Retries, r.RetryOn)
			}
		}
	}
	for _, f := range findings {
		fmt.Fprintln(&out, f)
	}
	if err != nil {
		fmt.Fprintf(&out, "refused:\n%v\n", err)
	}
	return out.String()
}

// TestGolden holds what becomes of every file in testdata.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := describe(Translate(read(t, path)))
			golden := strings.TrimSuffix(path, ".yaml") + ".golden"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestKindsAreKnown: what Translate says nothing of, somebody else does.
func TestKindsAreKnown(t *testing.T) {
	if k := Kinds(); len(k) != len(kinds) || !slices.IsSorted(k) || !slices.Contains(k, "gateway.networking.k8s.io/HTTPRoute") {
		t.Errorf("kinds %q", k)
	}
}
