package meshconfig

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of testdata anew")

var cases = []struct {
	name   string
	change func(*Config)
}{
	{"basic", nil},
	{"advanced", advanced},
	{"mesh-wide", func(c *Config) {
		c.MeshWide, c.RootNamespace, c.Domain = true, "mesh", "k8s.example"
		c.RuleLabels = map[string]string{"release": "prometheus"}
	}},
}

// TestGolden compares every manifest with the one that was printed before.
func TestGolden(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join("testdata", c.name)
			list := made(t, config(c.change), stored(t)...)
			var files []string
			for _, m := range list {
				files = append(files, m.File())
				golden := filepath.Join(dir, m.File())
				if *rewrite {
					if err := os.WriteFile(golden, m.Text, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(m.Text)); diff != "" {
					t.Errorf("%s (after a change that is meant: go test ./router/meshconfig -run TestGolden -rewrite): %s", golden, diff)
				}
			}
			there, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
			if err != nil || len(there) != len(files) {
				t.Errorf("%d files in %s, and %d manifests: %v", len(there), dir, len(files), err)
			}
		})
	}
}

// TestShape holds manifests to what kubectl prints: the fields of an object in its
// order, nothing that a server adds, and a comment above.
func TestShape(t *testing.T) {
	head := regexp.MustCompile(`^# Printed by fairway mesh config --namespace shop \(fairway v1\.2\.3\)\. Nothing was applied\.\n# \S`)
	for _, c := range cases {
		for _, m := range made(t, config(c.change), stored(t)...) {
			if !head.Match(m.Text) {
				t.Errorf("%s begins %.80q", m, m.Text)
			}
			var document yaml.Node
			if err := yaml.Unmarshal(m.Text, &document); err != nil {
				t.Fatal(err)
			}
			root := document.Content[0]
			if got := keys(root); !slices.Equal(got, []string{"apiVersion", "kind", "metadata", "spec"}) {
				t.Errorf("%s has the fields %q", m, got)
			}
			if got := keys(root.Content[5]); !slices.Equal(got, []string{"labels", "name", "namespace"}) {
				t.Errorf("metadata of %s has the fields %q", m, got)
			}
			for _, line := range strings.Split(string(m.Text), "\n") {
				if strings.HasPrefix(line, "#") && len(line) > 110 {
					t.Errorf("%s: a comment of %d bytes: %s", m, len(line), line)
				}
			}
		}
	}
}

func keys(n *yaml.Node) (names []string) {
	for i := 0; i < len(n.Content); i += 2 {
		names = append(names, n.Content[i].Value)
	}
	return names
}

// TestDeterministic has text depend on neither the order of the services nor a map's.
func TestDeterministic(t *testing.T) {
	labels := func(c *Config) {
		c.RuleLabels = map[string]string{"a": "1", "b": "2", "c": "3", "release": "x", "team": "y"}
	}
	first := Text(made(t, config(labels), stored(t)...))
	for range 20 {
		if again := Text(made(t, config(labels), stored(t)...)); !bytes.Equal(first, again) {
			t.Fatalf("another text: %s", cmp.Diff(string(first), string(again)))
		}
	}
	if got := bytes.Count(first, []byte("\n---\n")); got != 5 {
		t.Errorf("%d separators of 6 documents", got)
	}
}

// TestSame has a text refused that says something else than its object.
func TestSame(t *testing.T) {
	for _, c := range []struct{ was, is, want string }{
		{"mode: STRICT", "mode: PERMISSIVE", "not what was meant"},
		{"mode: STRICT", "mode: STRICTLY", "STRICTLY"},
		{"mode: STRICT", "mood: STRICT", "mood"},
		{"name: default", "name: other", "something else"},
	} {
		cfg := config(nil)
		d := cfg.peerAuthentication()
		m, err := cfg.finish(d)
		if err != nil {
			t.Fatal(err)
		}
		m.Text = bytes.Replace(m.Text, []byte(c.was), []byte(c.is), 1)
		if _, err := same(m, d.object); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want an error about %q", c.is, err, c.want)
		}
	}
}

// TestDocs has the manifest that the documentation shows be the one that is printed.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/mesh-config.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range made(t, config(advanced), Service{Name: "reviews"}) {
		_, object, _ := bytes.Cut(m.Text, []byte("\napiVersion:"))
		if m.Kind == "DestinationRule" && !bytes.Contains(page, append([]byte("```yaml\napiVersion:"), append(object, "```"...)...)) {
			t.Errorf("docs/mesh-config.md shows another %s than:\n%s", m, m.Text)
		}
		if !bytes.Contains(page, []byte("`"+m.Kind+"`")) {
			t.Errorf("docs/mesh-config.md does not tell of %s", m.Kind)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no namespace":      func(c *Config) { c.Namespace = "" },
		"64 bytes":          func(c *Config) { c.Namespace = strings.Repeat("a", 64) },
		"upper case":        func(c *Config) { c.Namespace = "Shop" },
		"root":              func(c *Config) { c.RootNamespace = "istio.system" },
		"domain":            func(c *Config) { c.Domain = "cluster..local" },
		"label's name":      func(c *Config) { c.RuleLabels = map[string]string{"a b": "c"} },
		"label's value":     func(c *Config) { c.RuleLabels = map[string]string{"a": "b c"} },
		"our own label":     func(c *Config) { c.RuleLabels = map[string]string{managedBy: "helm"} },
		"a command of two":  func(c *Config) { c.Command = "fairway\nspec: {}" },
		"a version of two ": func(c *Config) { c.Version = "v1\nspec: {}" },
	} {
		if _, err := Manifests(config(change), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Manifests(config(func(c *Config) { c.Namespace = strings.Repeat("a", 63) }), []Service{{Name: strings.Repeat("b", 63)}}); err != nil {
		t.Errorf("the longest names: %v", err)
	}
}
