package picker

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parameter is a number that a picker's name may set, as in "prequal:q=0.6".
type Parameter struct {
	Name              string
	Default, Min, Max float64
	Unit              Unit
	Help              string
}

// Unit says how a parameter is written.
type Unit int

// The units.
const (
	Number   Unit = iota
	Count         // a whole number
	Duration      // as in "500ms"; a bare number is seconds, and so are Default, Min and Max
)

// settings are the values of a picker's parameters by name.
type settings map[string]float64

func (s settings) count(name string) int { return int(s[name]) }

func (s settings) duration(name string) time.Duration {
	return time.Duration(math.Round(s[name] * float64(time.Second)))
}

// proxies is the n of C3: what the name says, or else the configuration.
func (s settings) proxies(c Config) float64 {
	if n := s["proxies"]; n > 0 {
		return n
	}
	return float64(max(c.Proxies, 1))
}

// Read takes what stands after a name, such as "q=0.6", apart: the values of all
// parameters by name. who, as in "picker prequal", is for its errors.
func Read(who string, parameters []Parameter, texts []string) (map[string]float64, error) {
	s := make(settings, len(parameters))
	for _, p := range parameters {
		s[p.Name] = p.Default
	}
	seen := map[string]bool{}
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		k := slices.IndexFunc(parameters, func(p Parameter) bool { return p.Name == name })
		if !found || k < 0 {
			return nil, fmt.Errorf("%s has no parameter %q; want %s", who, text, known(parameters))
		}
		if seen[name] {
			return nil, fmt.Errorf("%s: %s is set twice", who, name)
		}
		seen[name] = true
		x, err := parameters[k].parse(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %s is %q; want %s", who, name, value, parameters[k].wanted())
		}
		s[name] = x
	}
	return s, nil
}

func known(parameters []Parameter) string {
	if len(parameters) == 0 {
		return "none: it has no parameters"
	}
	var names []string
	for _, p := range parameters {
		names = append(names, p.Name+"=…")
	}
	return strings.Join(names, ", ")
}

var errRange = fmt.Errorf("out of range")

func (p Parameter) parse(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && p.Unit == Duration {
		var d time.Duration
		d, err = time.ParseDuration(text)
		x = d.Seconds()
	}
	if err != nil {
		return 0, err
	}
	if !(x >= p.Min && x <= p.Max) || p.Unit == Count && x != math.Trunc(x) {
		return 0, errRange
	}
	return x, nil
}

func (p Parameter) wanted() string {
	what := "a number"
	switch p.Unit {
	case Count:
		what = "a whole number"
	case Duration:
		what = "a duration"
	}
	return fmt.Sprintf("%s from %s to %s", what, p.Write(p.Min), p.Write(p.Max))
}

// Write is a value of the parameter as a name has it.
func (p Parameter) Write(x float64) string {
	if p.Unit == Duration {
		return time.Duration(math.Round(x * float64(time.Second))).String()
	}
	return strconv.FormatFloat(x, 'f', -1, 64) // an exponent's + would end the name
}
