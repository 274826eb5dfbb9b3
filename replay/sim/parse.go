package sim

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed scenarios/*.yaml
var builtin embed.FS

// file is a scenario, or several that differ in what the variants say.
type file struct {
	Scenario `yaml:",inline"`
	Variants map[string]Scenario `yaml:"variants"`
}

// Parse reads the scenarios of a file: one, or one for each of its variants,
// in the order of the file. name is the file's name, for errors.
func Parse(name string, text []byte) ([]*Scenario, error) {
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: is empty; write a scenario", name)
		}
		return nil, located(name, err)
	}
	var second yaml.Node
	if decoder.Decode(&second) != io.EOF {
		return nil, fmt.Errorf("%s:%d: a second document begins; a file holds one", name, max(second.Line, 1))
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, located(name, err)
	}
	tree := root.Content[0]
	variants := child(tree, "variants")
	if variants == nil {
		s, err := finish(name, tree, nil)
		return []*Scenario{s}, err
	}
	var all []*Scenario
	var errs []error
	for i := 0; i+1 < len(variants.Content); i += 2 {
		s, err := finish(name, tree, variants.Content[i:i+2])
		all, errs = append(all, s), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// finish decodes the base, and a variant (its name and its body) over it: what
// a variant does not name stays, and a list that it names replaces the other.
func finish(name string, base *yaml.Node, variant []*yaml.Node) (*Scenario, error) {
	var f file
	if err := base.Decode(&f); err != nil {
		return nil, located(name, err)
	}
	s := f.Scenario
	trees := []*yaml.Node{base}
	if variant != nil {
		s.Name = variant[0].Value
		if err := variant[1].Decode(&s); err != nil {
			return nil, located(name, err)
		}
		trees = []*yaml.Node{variant[1], base}
	}
	s.defaults()
	if err := s.Validate(); err != nil {
		return nil, numbered(name, trees, err)
	}
	return &s, nil
}

func child(n *yaml.Node, key string) *yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// located turns the errors of the YAML package into file:line.
func located(name string, err error) error {
	lines := []string{err.Error()}
	if several := (*yaml.TypeError)(nil); errors.As(err, &several) {
		lines = several.Errors
	}
	var errs []error
	for _, text := range lines {
		head := yamlLine.FindStringSubmatch(text)
		text = strings.NewReplacer(" in type sim.file", " in a scenario", " in type sim.", " in ", "field ", "unknown field ").Replace(strings.TrimPrefix(text, head[0]))
		errs = append(errs, fmt.Errorf("%s:%s: %s", name, cmp.Or(head[1], "1"), text))
	}
	return errors.Join(errs...)
}

// problem is something wrong at a dotted path of a scenario.
type problem struct{ path, text string }

func (p problem) Error() string { return "sim: " + p.path + " " + p.text }

type problems struct{ list []error }

func (p *problems) add(path, format string, args ...any) {
	p.list = append(p.list, problem{path, fmt.Sprintf(format, args...)})
}

func (p *problems) check(ok bool, path, format string, args ...any) {
	if !ok {
		p.add(path, format, args...)
	}
}

func (p *problems) err() error { return errors.Join(p.list...) }

// numbered finds the line that each problem is about: that of the longest part
// of its path that stands in the file, in the first of the trees that has any.
func numbered(name string, trees []*yaml.Node, err error) error {
	var errs []error
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		p := one.(problem)
		deepest, line := 0, trees[len(trees)-1].Line
		for _, tree := range trees {
			n, depth := tree, 0
			for key := range strings.SplitSeq(p.path, ".") {
				next := child(n, key)
				if next == nil {
					break
				}
				n, depth = next, depth+1
			}
			if depth > deepest {
				deepest, line = depth, n.Line
			}
		}
		errs = append(errs, fmt.Errorf("%s:%d: %s %s", name, line, p.path, p.text))
	}
	return errors.Join(errs...)
}

// Builtins are the names of the scenarios that come with fairway, in order.
func Builtins() []string {
	var names []string
	for _, s := range builtins() {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// Builtin is the scenario of that name.
func Builtin(name string) (*Scenario, error) {
	for _, s := range builtins() {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("sim: there is no scenario %q; use one of %s, or name a file", name, strings.Join(Builtins(), ", "))
}

// builtins are decoded anew for every caller, who may change them. That they
// are valid is held by a test.
func builtins() []*Scenario {
	var all []*Scenario
	entries, _ := builtin.ReadDir("scenarios")
	for _, e := range entries {
		text, _ := builtin.ReadFile("scenarios/" + e.Name())
		list, _ := Parse(e.Name(), text)
		for _, s := range list {
			if s != nil {
				all = append(all, s)
			}
		}
	}
	return all
}

// Load returns the scenario of a file, or the built-in one of that name. Of a
// file with variants it wants one to be named: FILE#VARIANT.
func Load(name string) (*Scenario, error) {
	s, unknown := Builtin(name)
	if unknown == nil {
		return s, nil
	}
	path, variant, _ := strings.Cut(name, "#")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(name, `/\.#`) {
		return nil, unknown
	}
	if err != nil {
		return nil, fmt.Errorf("sim: scenario: %w", err)
	}
	all, err := Parse(path, text)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range all {
		if s.Name == variant || variant == "" && len(all) == 1 {
			if s.Arrivals.File != "" {
				return s, s.Arrivals.load(filepath.Dir(path))
			}
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("%s: holds %d scenarios; name one of them after #: %s", path, len(all), strings.Join(names, ", "))
}
