package prom

import (
	"embed"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

//go:embed schemas/*.yaml
var builtins embed.FS

// LoadSchema returns the built-in schema of that name or else reads the file
// of that name; write ./lab for a file that is called like a built-in.
func LoadSchema(name string) (*mesh.Schema, error) {
	if s, ok := Builtin(name); ok {
		return s, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("schema %q is neither a file (%w) nor one of the built-in ones: %s", name, err, strings.Join(Builtins(), ", "))
	}
	return ParseSchema(name, text)
}

// Builtin returns the built-in schema of that name.
func Builtin(name string) (*mesh.Schema, bool) {
	if !slices.Contains(Builtins(), name) {
		return nil, false
	}
	file := "schemas/" + name + ".yaml"
	text, err := builtins.ReadFile(file)
	if err != nil {
		panic(err) // embedded: cannot happen
	}
	s, err := ParseSchema(file, text)
	if err != nil {
		panic(err) // a test parses them all
	}
	return s, true
}

// Builtins returns the names of the built-in schemas, sorted.
func Builtins() []string {
	entries, err := builtins.ReadDir("schemas")
	if err != nil {
		panic(err) // embedded: cannot happen
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(path.Base(e.Name()), ".yaml")
	}
	slices.Sort(names)
	return names
}

// builtinSchemas are all built-in schemas, by name.
func builtinSchemas() []*mesh.Schema {
	var all []*mesh.Schema
	for _, name := range Builtins() {
		s, _ := Builtin(name)
		all = append(all, s)
	}
	return all
}
