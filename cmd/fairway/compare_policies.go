package main

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// compareFiles are the recipes of the comparison's proxies, the schema of its mesh and
// the rules that fairwayd has.
//
//go:embed compare
var compareFiles embed.FS

// comparePolicy is who decides in a turn.
type comparePolicy struct {
	name, title string
	recipe      string // directory in compareFiles
	balance     string // what the proxy's own balancing is
	fairway     bool
}

// comparePolicies are all of them, those that proxies have built in first.
var comparePolicies = []comparePolicy{
	{"haproxy-roundrobin", "HAProxy roundrobin", "haproxy", "roundrobin", false},
	{"haproxy-leastconn", "HAProxy leastconn", "haproxy", "leastconn", false},
	{"haproxy-random2", "HAProxy random(2)", "haproxy", "random(2)", false},
	{"haproxy-random4", "HAProxy random(4), which is what has fairway's weights", "haproxy", "random(4)", false},
	{"nginx-least-conn", "nginx least_conn", "nginx", "least_conn", false},
	{"nginx-random-two", "nginx random two", "nginx", "random two least_conn", false},
	{"fairway-agent", "fairway, agent check: weights for HAProxy random(4)", "haproxy-agent", "random(4)", true},
	{"fairway-spoe", "fairway, SPOE: per request", "haproxy-spoe", "leastconn", true},
}

// withoutFairway is the policy that a single proxy with fairway is held against: it
// sees everything.
const withoutFairway = "haproxy-leastconn"

// namedPolicies finds policies by their names; none is all of them.
func namedPolicies(names []string) ([]comparePolicy, error) {
	if len(names) == 0 {
		return comparePolicies, nil
	}
	var found []comparePolicy
	for _, name := range names {
		i := slices.IndexFunc(comparePolicies, func(p comparePolicy) bool { return p.name == name })
		if i < 0 {
			var known []string
			for _, p := range comparePolicies {
				known = append(known, p.name)
			}
			return nil, usagef("--policies: %q is none; want some of %s", name, strings.Join(known, ", "))
		}
		if slices.ContainsFunc(found, func(p comparePolicy) bool { return p.name == name }) {
			return nil, usagef("--policies: %s stands twice", name)
		}
		found = append(found, comparePolicies[i])
	}
	return found, nil
}

// read reads the recipe, and says if its programs are missing.
func (p comparePolicy) read() (*lab.Recipe, error) {
	dir, err := fs.Sub(compareFiles, path.Join("compare", p.recipe))
	if err != nil {
		return nil, err
	}
	r, err := lab.ReadRecipe(dir)
	if err != nil {
		return nil, fmt.Errorf("%s, which ships: %w", p.recipe, err)
	}
	if err := r.Missing(); err != nil {
		return nil, fmt.Errorf("%w (or leave %s out with --policies)", err, p.name)
	}
	return r, nil
}
