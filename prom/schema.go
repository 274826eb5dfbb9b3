package prom

import "github.com/fairway-mesh/fairway/mesh"

// ParseSchema reads the text of a schema file; name is for errors.
func ParseSchema(name string, text []byte) (*mesh.Schema, error) { return nil, nil }

// LoadSchema reads a schema file, or returns the built-in schema of that name.
func LoadSchema(path string) (*mesh.Schema, error) { return nil, nil }

// Builtin returns the built-in schema of that name.
func Builtin(name string) (*mesh.Schema, bool) { return nil, false }

// Builtins returns the names of the built-in schemas, sorted.
func Builtins() []string { return nil }
