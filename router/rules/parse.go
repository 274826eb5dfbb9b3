package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads a rules file; name is for errors, which are joined and carry
// name:line each. An empty text is a file without rules.
func Parse(name string, text []byte) (*File, error) {
	sum := sha256.Sum256(text)
	f := &File{Name: name, Hash: hex.EncodeToString(sum[:6])}
	f.Version = f.Hash

	root, err := document(name, text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return f, nil
	}
	r := &reader{name: name}
	classes, services := unique{r, "class", map[string]int{}}, unique{r, "service", map[string]int{}}
	r.fields(root, "the file", map[string]func(*yaml.Node){
		"version": func(n *yaml.Node) { f.Version = r.text(n, "version") },
		"classes": func(n *yaml.Node) {
			r.list(n, "classes", func(n *yaml.Node) {
				c := r.class(n)
				classes.add(n, c.Name)
				f.Classes = append(f.Classes, c)
			})
		},
		"services": func(n *yaml.Node) {
			r.list(n, "services", func(n *yaml.Node) {
				s := r.service(n)
				services.add(n, s.Name)
				f.Services = append(f.Services, s)
			})
		},
	})
	r.destinations(f.Services)
	if err := r.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// unquoted finds comparisons such as `request_rate: >1000`, which YAML would
// take for the head of a folded block and refuse.
var unquoted = regexp.MustCompile(`\b(mean|p50|p90|p99|error_ratio|request_rate|in_flight|utilization)(:[ \t]+)(>=?[ \t]*[0-9.][0-9a-zµ.]*)`)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document returns the root of the only YAML document, nil when there is none.
func document(name string, text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(unquoted.ReplaceAll(text, []byte("$1$2'$3'"))))
	var root, second yaml.Node
	switch err := d.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, syntax(name, err)
	}
	switch err := d.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document begins; write one document per file", name, second.Line)
	case !errors.Is(err, io.EOF):
		return nil, syntax(name, err)
	}
	if len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return root.Content[0], nil
}

// syntax turns an error of the YAML library into one with name and line.
func syntax(name string, err error) error {
	text := err.Error()
	head := yamlLine.FindStringSubmatch(text)
	if head == nil {
		return fmt.Errorf("%s:1: %s", name, text)
	}
	line := head[1]
	if line == "" {
		line = "1"
	}
	return fmt.Errorf("%s:%s: this is not YAML: %s", name, line, strings.TrimPrefix(text, head[0]))
}

// unique refuses names that are empty or stand twice.
type unique struct {
	r    *reader
	what string
	line map[string]int
}

func (u unique) add(n *yaml.Node, name string) {
	if name == "" {
		u.r.fail(n, "a %s has no name; give it a field name", u.what)
		return
	}
	if line, twice := u.line[name]; twice {
		u.r.fail(n, "%s %q stands twice, first in line %d; rename or remove one", u.what, name, line)
		return
	}
	u.line[name] = n.Line
}
