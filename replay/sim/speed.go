package sim

import (
	"fmt"
	"math"
	"math/rand/v2"

	"go.yaml.in/yaml/v3"
)

// Speed is how fast the workers of a group's endpoints are: one number for
// all, a list of one for each, or {spread: s}, which draws s^U(−1,1) for each
// by the seed (CausalSim, NSDI'23, has 5).
type Speed struct {
	Values []float64
	Spread float64
}

// UnmarshalYAML takes any of the three forms.
func (s *Speed) UnmarshalYAML(n *yaml.Node) error {
	*s = Speed{}
	switch n.Kind {
	case yaml.ScalarNode:
		s.Values = make([]float64, 1)
		return n.Decode(&s.Values[0])
	case yaml.SequenceNode:
		return n.Decode(&s.Values)
	case yaml.MappingNode:
		if len(n.Content) == 2 && n.Content[0].Value == "spread" {
			return n.Content[1].Decode(&s.Spread)
		}
	}
	return fmt.Errorf("line %d: speed is a number, a list, or {spread: number}", n.Line)
}

func (s *Speed) check(p *problems, path string, count int) {
	for _, x := range s.Values {
		p.check(x > 0 && !math.IsInf(x, 0), path, "is %v; want more than 0", x)
	}
	p.check(s.Spread == 0 || s.Spread > 1 && !math.IsInf(s.Spread, 0), path, "has a spread of %v; want more than 1", s.Spread)
	p.check(len(s.Values) <= 1 || len(s.Values) == count, path, "lists %d numbers for %d endpoints; write one for each", len(s.Values), count)
}

func (s *Speed) of(i int, r *rand.Rand) float64 {
	switch {
	case s.Spread > 0:
		return math.Pow(s.Spread, 2*r.Float64()-1)
	case len(s.Values) == 1:
		return s.Values[0]
	}
	return s.Values[i]
}
