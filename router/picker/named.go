package picker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// Named makes a picker by its name, which may set parameters and lay overlays
// over it, in this order: "prequal:q=0.6:probes=5", "round_robin+outlier_ejection".
// It reports names and parameters that it does not know, and values out of
// range.
func Named(name string, c Config) (Picker, error) {
	first, overlays, _ := strings.Cut(name, "+")
	texts := strings.Split(first, ":")
	k := find(kinds, texts[0])
	if k == nil {
		return nil, fmt.Errorf("no picker is called %q; want one of %s", texts[0], strings.Join(Names(), ", "))
	}
	s, err := Read("picker "+k.name, k.parameters, texts[1:])
	if err != nil {
		return nil, err
	}
	c = c.weighted()
	if c.Endpoints != 0 && len(c.Weights) != c.Endpoints {
		return nil, fmt.Errorf("picker %s: %d weights for %d endpoints", k.name, len(c.Weights), c.Endpoints)
	}
	if k.truth && c.Truth == nil {
		return nil, fmt.Errorf("picker %s needs to be told the truth, which only a simulation can", k.name)
	}
	p := k.make(c, s)
	if !strings.Contains(name, "+") {
		p.Update(c.Weights)
		return p, nil
	}
	return overlay(overlays, p, c, k.weighs)
}

// Overlay lays overlays over a picker: "outlier_ejection:interval=5s+slow_start".
// The picker has to use the weights that Update brings, rather than only heed
// those that are 0.
func Overlay(names string, p Picker, c Config) (Picker, error) {
	return overlay(names, p, c.weighted(), true)
}

// weighted has equal weights where it had none.
func (c Config) weighted() Config {
	if c.Weights == nil {
		c.Weights = make(mesh.Weights, max(c.Endpoints, 0))
		c.Weights.Equal()
	}
	return c
}

func overlay(names string, p Picker, c Config, weighs bool) (Picker, error) {
	for name := range strings.SplitSeq(names, "+") {
		texts := strings.Split(name, ":")
		k := find(overlayKinds, texts[0])
		if k == nil {
			return nil, fmt.Errorf("no overlay is called %q; want one of %s", texts[0], strings.Join(Overlays(), ", "))
		}
		s, err := Read("overlay "+k.name, k.parameters, texts[1:])
		if err != nil {
			return nil, err
		}
		p = k.over(p, c, s, weighs)
	}
	p.Update(c.Weights)
	return p, nil
}

// Names are the pickers that Named makes, in alphabetical order.
func Names() []string { return names(kinds) }

// Overlays are what a picker's name may be followed by.
func Overlays() []string { return names(overlayKinds) }

func names(kinds []kind) []string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.name)
	}
	slices.Sort(all)
	return all
}

func find(kinds []kind, name string) *kind {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i]
		}
	}
	return nil
}

// Description is what is to be known of a picker or an overlay before it is
// used.
type Description struct {
	Name      string
	Mechanism string // in a sentence
	Source    string
	// Lives says what it lives on: own requests, beside answers, probes, weights, truth.
	Lives      string
	Fails      string // how it is known to fail
	Parameters []Parameter
}

// About describes the picker or overlay of that name, without parameters.
func About(name string) (Description, error) {
	k := find(kinds, name)
	if k == nil {
		k = find(overlayKinds, name)
	}
	if k == nil {
		return Description{}, fmt.Errorf("no picker or overlay is called %q; want one of %s, %s",
			name, strings.Join(Names(), ", "), strings.Join(Overlays(), ", "))
	}
	return Description{
		Name: k.name, Mechanism: k.mechanism, Source: k.source, Lives: k.lives, Fails: k.fails,
		Parameters: slices.Clone(k.parameters),
	}, nil
}
