package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader walks a YAML tree by hand rather than decoding into structs, so that
// each problem is reported with its line and what to write instead, and all of
// them at once.
type reader struct {
	name string
	errs []error
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.failAt(r.place(n), format, args...)
}

// failAt is fail of what stands at a place, file:line.
func (r *reader) failAt(place, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
}

// place is where n stands, file:line.
func (r *reader) place(n *yaml.Node) string { return fmt.Sprintf("%s:%d", r.name, n.Line) }

func (r *reader) err() error { return errors.Join(r.errs...) }

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// pairs calls each for the entries of a mapping, in order, and refuses keys
// that stand twice. It returns false if n is no mapping.
func (r *reader) pairs(n *yaml.Node, what, instead string, each func(key, value *yaml.Node)) bool {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is %s; write %s", what, kind(n), instead)
		return false
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			r.fail(key, "a name in %s is %s; write plain text", what, kind(key))
			continue
		}
		if line, twice := lines[key.Value]; twice {
			r.fail(key, "%q stands twice in %s, first in line %d; remove one", key.Value, what, line)
			continue
		}
		lines[key.Value] = key.Line
		each(key, value)
	}
	return true
}

// fields reads a mapping whose keys are known.
func (r *reader) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	names := slices.Sorted(maps.Keys(known))
	r.pairs(n, what, "its fields: "+strings.Join(names, ", "), func(key, value *yaml.Node) {
		read, ok := known[key.Value]
		if !ok {
			r.fail(key, "unknown field %q in %s; use one of %s", key.Value, what, strings.Join(names, ", "))
			return
		}
		read(value)
	})
}

// list calls each for the entries of a sequence; nothing at all is an empty one.
func (r *reader) list(n *yaml.Node, what string, each func(*yaml.Node)) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s is %s; write a list, each entry beginning with \"- \"", what, kind(n))
		return
	}
	for _, entry := range n.Content {
		each(resolve(entry))
	}
}

// text returns a scalar as it was written: true and 3 are text here.
func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n, "%s is %s; write plain text", what, kind(n))
		return ""
	}
	return n.Value
}

// word returns a scalar that is not empty.
func (r *reader) word(n *yaml.Node, what string) string {
	failed := len(r.errs)
	text := r.text(n, what)
	if text == "" && len(r.errs) == failed {
		r.fail(n, "%s is empty; write a name", what)
	}
	return text
}

// number reads a number in [low, high].
func (r *reader) number(n *yaml.Node, what string, low, high float64) float64 {
	x, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || !(x >= low && x <= high) {
		r.fail(n, "%s is %s; write a number from %v to %v", what, kind(n), low, high)
		return low
	}
	return x
}

// count reads a whole number in [low, high].
func (r *reader) count(n *yaml.Node, what string, low, high int) int {
	x, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || x < low || x > high {
		r.fail(n, "%s is %s; write a whole number from %d to %d", what, kind(n), low, high)
		return low
	}
	return x
}

// duration reads a positive duration with its unit.
func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d <= 0 {
		r.fail(n, "%s is %s; write a duration with its unit, such as 300ms or 3s", what, kind(n))
		return time.Second
	}
	return d
}

// truth reads true or false.
func (r *reader) truth(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		r.fail(n, "%s is %s; write true or false", what, kind(n))
	}
	return n.Value == "true"
}

// kind describes what stands at n.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "empty"
	}
	return strconv.Quote(n.Value)
}
