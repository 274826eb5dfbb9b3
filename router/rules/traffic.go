package rules

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// weighted is what the file calls the algorithm Weighted.
const weighted = "weighted"

var algorithms = []Algorithm{weighted, RoundRobin, LeastRequest, Random, RingHash, Maglev, Adaptive}

const (
	mostHashKeys   = 10
	mostTable      = 5_000_011 // Envoy's most of a Maglev table
	mostSubsetSize = 10_000
	mostBound      = 1_000_000_000
	// leastOutlier and mostOutlier bound the times of an outlier: below, an endpoint is
	// judged by nothing, beyond it is forgotten.
	leastOutlier, mostOutlier = 100 * time.Millisecond, 24 * time.Hour
)

func (r *reader) balance(n *yaml.Node) (b Balance) {
	said, failed := false, len(r.errs)
	r.fields(n, "balance", map[string]func(*yaml.Node){
		"algorithm": func(n *yaml.Node) { b.Algorithm, said = r.algorithm(n), true },
		"hash": func(n *yaml.Node) {
			r.list(n, "hash", func(n *yaml.Node) { b.Hash = append(b.Hash, r.hashKey(n)) })
		},
		"table":       func(n *yaml.Node) { b.Table = r.count(n, "table", 1, mostTable) },
		"subset_size": func(n *yaml.Node) { b.SubsetSize = r.count(n, "subset_size", 1, mostSubsetSize) },
	})
	hashes := b.Algorithm == RingHash || b.Algorithm == Maglev
	switch {
	case len(r.errs) > failed:
	case hashes && len(b.Hash) == 0:
		r.fail(n, "%s has no hash; write what sessions are told apart by, such as hash: [{header: x-user}]", b.Algorithm)
	case !hashes && len(b.Hash) > 0:
		r.fail(n, "hash is of no use to this algorithm; write algorithm: ring_hash or maglev, or leave hash out")
	case !hashes && b.Table > 0:
		r.fail(n, "table is of no use to this algorithm; write algorithm: ring_hash or maglev, or leave table out")
	case len(b.Hash) > mostHashKeys:
		r.fail(n, "hash has %d keys; write at most %d", len(b.Hash), mostHashKeys)
	case !said && b.SubsetSize == 0:
		r.fail(n, "balance says nothing; write an algorithm, such as algorithm: least_request, or leave it out")
	}
	return b
}

func (r *reader) algorithm(n *yaml.Node) Algorithm {
	a := Algorithm(r.text(n, "algorithm"))
	if !slices.Contains(algorithms, a) {
		var names []string
		for _, known := range algorithms {
			names = append(names, string(known))
		}
		r.fail(n, "algorithm %q is not known; use one of %s", a, strings.Join(names, ", "))
	}
	if a == weighted {
		return Weighted
	}
	return a
}

// hashKey reads {header: x}, {query: x}, {source: true}, {cookie: x} or
// {cookie: {name: x, ttl: 1h}}.
func (r *reader) hashKey(n *yaml.Node) (k HashKey) {
	ways, failed := 0, len(r.errs)
	named := func(of HashOf) func(*yaml.Node) {
		return func(n *yaml.Node) { ways++; k.Of, k.Name = of, r.word(n, string(of)+" of hash") }
	}
	r.fields(n, "a key of hash", map[string]func(*yaml.Node){
		"header": func(n *yaml.Node) { named(HashHeader)(n); k.Name = strings.ToLower(k.Name) },
		"query":  named(HashQuery),
		"cookie": func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode {
				named(HashCookie)(n)
				return
			}
			ways, k.Of = ways+1, HashCookie
			count := len(r.errs)
			r.fields(n, "cookie", map[string]func(*yaml.Node){
				"name": func(n *yaml.Node) { k.Name = r.word(n, "name of cookie") },
				"ttl":  func(n *yaml.Node) { k.TTL = r.duration(n, "ttl") },
			})
			if k.Name == "" && len(r.errs) == count {
				r.fail(n, "a cookie has no name; give it a field name")
			}
		},
		"source": func(n *yaml.Node) {
			if ways, k.Of = ways+1, HashSource; !r.truth(n, "source of hash") {
				r.fail(n, "source is false; write true, or leave the key out")
			}
		},
	})
	if ways != 1 && len(r.errs) == failed {
		r.fail(n, "a key of hash is of %d kinds; write each as an entry of its own, such as [{cookie: session}, {header: x-user}]", ways)
	}
	return k
}

func (r *reader) circuit(n *yaml.Node) (c Circuit) {
	failed := len(r.errs)
	bound := func(what string, to *int) func(*yaml.Node) {
		return func(n *yaml.Node) { *to = r.count(n, what, 1, mostBound) }
	}
	r.fields(n, "circuit", map[string]func(*yaml.Node){
		"connections":     bound("connections", &c.Connections),
		"pending":         bound("pending", &c.Pending),
		"requests":        bound("requests", &c.Requests),
		"retries":         bound("retries", &c.Retries),
		"per_connection":  bound("per_connection", &c.PerConnection),
		"connect_timeout": func(n *yaml.Node) { c.ConnectTimeout = r.duration(n, "connect_timeout") },
	})
	if c == (Circuit{}) && len(r.errs) == failed {
		r.fail(n, "circuit bounds nothing; write a bound, such as requests: 100, or leave it out")
	}
	return c
}

func (r *reader) outlier(n *yaml.Node) (o Outlier) {
	failed := len(r.errs)
	period := func(what string, to *time.Duration) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if *to = r.duration(n, what); *to < leastOutlier || *to > mostOutlier {
				r.fail(n, "%s is %v; write %v to %v", what, *to, leastOutlier, mostOutlier)
			}
		}
	}
	r.fields(n, "outlier", map[string]func(*yaml.Node){
		"consecutive":   func(n *yaml.Node) { o.Consecutive = r.count(n, "consecutive", 1, 10_000) },
		"interval":      period("interval", &o.Interval),
		"base_ejection": period("base_ejection", &o.BaseEjection),
		"min_healthy":   func(n *yaml.Node) { o.MinHealthy = r.number(n, "min_healthy", 0, 1) },
	})
	if o == (Outlier{}) && len(r.errs) == failed {
		r.fail(n, "outlier changes nothing; write what it changes, such as consecutive: 5, or leave it out")
	}
	return o
}

func (r *reader) subset(n *yaml.Node) (s Subset) {
	r.fields(n, "a subset", map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) { s.Name = r.text(n, "name") },
		"labels": func(n *yaml.Node) {
			s.Labels = map[string]string{}
			r.pairs(n, "labels", "names and values, such as {version: v2}", func(key, value *yaml.Node) {
				s.Labels[key.Value] = r.text(value, "label "+key.Value)
			})
		},
		"balance": func(n *yaml.Node) { b := r.balance(n); s.Balance = &b },
		"circuit": func(n *yaml.Node) { c := r.circuit(n); s.Circuit = &c },
	})
	return s
}
