package istio

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// FuzzTranslate translates anything: what comes of it compiles, and each error and
// finding has its place.
func FuzzTranslate(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/bookinfo/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal(pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte(of("  http: [{route: [{destination: {host: reviews, subset: a}, weight: 2147483647}, {destination: {host: b}, weight: 1}]}]")))
	f.Fuzz(func(t *testing.T, text []byte) {
		objects, err := manifest.Read("f.yaml", text)
		if err != nil {
			return
		}
		services, findings, err := Translate(objects)
		for _, finding := range findings {
			if finding.File != "f.yaml" || finding.Line < 1 || finding.Text == "" {
				t.Errorf("a finding without its place: %+v", finding)
			}
		}
		if err != nil {
			if services != nil {
				t.Error("services beside an error")
			}
			return
		}
		if _, err := rules.Compile(&rules.File{Name: "f.yaml", Services: services}); err != nil {
			t.Error(err)
		}
		for _, s := range services {
			for _, r := range s.Routes {
				sum := 0.0
				for _, target := range r.To {
					sum += target.Weight
				}
				if sum < 99.99 || sum > 100.01 {
					t.Errorf("route %q: weights sum to %v", r.Name, sum)
				}
			}
		}
	})
}
