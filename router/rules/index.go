package rules

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// index finds the first of many matches that holds. For each subject that many
// rules ask of, it looks up which rules the request's value leaves possible (bit
// vectors: Lakshman and Stiliadis, "High-Speed Policy-Based Packet Forwarding",
// 1998), and compares what all of them leave in full. Rules that ask of rare
// subjects, such as a header of their own, are possible only where the request has
// one. It is not changed once made, and safe for concurrent use.
type index []block

// block is up to blockSize rules in their order.
type block struct {
	matches []Match
	filters []*dimension // of all rules; what each leaves is left
	// Of rules that hold only where the request has a header, label or parameter of
	// a name, and leave it to no filter; each rule is in one of them. The others
	// are open.
	headers, labels, parameters map[string]*dimension
	open                        set
}

// fewest is how many rules an index is worth: fewer are faster walked.
const fewest = 16

// newIndex is nil for few matches, which are walked instead.
func newIndex(matches []Match) (x index) {
	if len(matches) < fewest {
		return nil
	}
	for some := range slices.Chunk(matches, blockSize) {
		x = append(x, newBlock(some))
	}
	return x
}

// find returns the position of the first match that holds and may be taken, or
// -1. A nil taken takes all.
func (x index) find(r *mesh.Request, taken []bool) int {
	for i := range x {
		b, first := &x[i], i*blockSize
		left := b.possible(r)
		for w, word := range left {
			for ; word != 0; word &= word - 1 {
				j := w*64 + bits.TrailingZeros64(word)
				if (taken == nil || taken[first+j]) && b.matches[j].Matches(r) {
					return first + j
				}
			}
		}
	}
	return -1
}

// possible are the rules that are left to compare.
func (b *block) possible(r *mesh.Request) set {
	left := b.open
	if b.headers != nil {
		left.lookUp(b.headers, r.Headers)
	}
	if b.labels != nil {
		left.lookUp(b.labels, r.Source.Labels)
	}
	if b.parameters != nil {
		left.parameters(b.parameters, r.Query)
	}
	for _, filter := range b.filters {
		left.and(filter.of(r))
	}
	return left
}

// lookUp adds the rules that values with these names leave possible.
func (s *set) lookUp(named map[string]*dimension, values map[string]string) {
	if len(named) < len(values) {
		for name, d := range named {
			if value, there := values[name]; there {
				s.or(d.values.find(value))
			}
		}
		return
	}
	for name, value := range values {
		if d := named[name]; d != nil {
			s.or(d.values.find(value))
		}
	}
}

func (s *set) parameters(named map[string]*dimension, query string) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if d := named[unescape(key)]; d != nil && pair != "" {
			s.or(d.values.find(unescape(value)))
		}
	}
}
