package istio

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// read reads the objects of files.
func read(t testing.TB, paths ...string) []manifest.Object {
	t.Helper()
	var all []manifest.Object
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := manifest.Read(path, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, objects...)
	}
	return all
}

// translated translates files that nothing is refused in.
func translated(t testing.TB, paths ...string) ([]rules.Service, []manifest.Finding) {
	t.Helper()
	services, findings, err := Translate(read(t, paths...))
	if err != nil {
		t.Fatal(err)
	}
	return services, findings
}

// text translates objects that a test has written.
func text(t testing.TB, yaml string) ([]rules.Service, []manifest.Finding, error) {
	t.Helper()
	objects, err := manifest.Read("f.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return Translate(objects)
}

// of is a VirtualService for reviews with these lines of spec, from line 6 on.
func of(spec string) string {
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews}\nspec:\n  hosts: [reviews]\n" + spec
}

// dest is a DestinationRule for reviews with these lines of spec, from line 6 on.
func dest(spec string) string {
	return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: reviews}\nspec:\n  host: reviews\n" + spec
}

func compile(t testing.TB, services []rules.Service) *rules.Set {
	t.Helper()
	set, err := rules.Compile(&rules.File{Name: "test", Services: services})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(errors.Join(err).Error(), "\n")
}
