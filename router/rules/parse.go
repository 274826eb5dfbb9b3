package rules

// Parse reads a rules file; name is for errors.
func Parse(name string, text []byte) (*File, error) { return &File{Name: name}, nil }

// Load reads the rules file at path.
func Load(path string) (*File, error) { return nil, nil }
