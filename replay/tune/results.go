package tune

import (
	"bytes"
	_ "embed" // the results that ship
	"fmt"
	"io"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Results are how strategies were tuned, and what came of it.
type Results struct {
	MadeBy    string `yaml:"made_by"`
	Objective string `yaml:"objective"`
	Meshes    int    `yaml:"meshes"`
	FirstMesh uint64 `yaml:"first_mesh"`
	// Budget is that of each strategy, in runs of a mesh.
	Budget     int      `yaml:"budget"`
	Seed       uint64   `yaml:"seed"`
	Strategies []Result `yaml:"strategies"`
}

// Result is one strategy.
type Result struct {
	Name     string `yaml:"name"`
	Strategy string `yaml:"strategy"` // with the values that were found
	// Loss is the objective with these values, and Default with the defaults;
	// below 0 is better than the reference.
	Loss    float64 `yaml:"loss"`
	Default float64 `yaml:"default"`
	Runs    int     `yaml:"runs"` // that were made
}

// Tuned is the strategy that was found for a name, or the name itself.
func (r *Results) Tuned(name string) string {
	for _, s := range r.Strategies {
		if s.Name == name {
			return s.Strategy
		}
	}
	return name
}

// Write writes the results as YAML.
func (r *Results) Write(w io.Writer) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(r); err != nil {
		return err
	}
	return e.Close()
}

// Read reads what Write wrote; name is the file's, for errors.
func Read(name string, text []byte) (*Results, error) {
	var r Results
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &r, nil
}

//go:embed tuned.yaml
var bundled []byte

// Bundled are the results that ship with fairway: those of the strategies that
// `fairway bench routing` compares with. That they can be read is held by a
// test.
var Bundled = sync.OnceValue(func() *Results {
	r, err := Read("tuned.yaml", bundled)
	if err != nil {
		panic(err)
	}
	return r
})
