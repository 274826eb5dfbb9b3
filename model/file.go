package model

import "io"

// Write writes m in the file format.
func Write(w io.Writer, m *Model) error { return nil }

// Read reads what Write wrote, to the end of r.
func Read(r io.Reader) (*Model, error) { return nil, nil }

// Save writes m to path, whole or not at all.
func Save(path string, m *Model) error { return nil }

// Load reads the model at path: a file, or a registry directory's latest.
func Load(path string) (*Model, error) { return nil, nil }

// WriteText writes what a person wants to know of m.
func (m *Model) WriteText(w io.Writer) error { return nil }

// Validate reports everything that is wrong with m.
func (m *Model) Validate() error { return nil }
