package rules

import (
	"cmp"
	"maps"
	"slices"
)

const (
	// filterPart says of how many rules one must ask of a header, label or parameter
	// to make it a filter: one of so many.
	filterPart = 16
	// mostFilters bounds what is looked up for every request.
	mostFilters = 12
)

func newBlock(matches []Match) block {
	b := block{matches: matches}
	shared := pool{}
	filters := filtersOf(matches)
	keyed := map[subject]*set{}
	common := uses(matches)
	var every set
	for i, m := range matches {
		every.add(i)
		key := m.key(filters, common)
		if key == nil {
			b.open.add(i)
			continue
		}
		of := key.subject()
		if keyed[of] == nil {
			keyed[of] = &set{}
		}
		keyed[of].add(i)
	}
	for _, of := range filters {
		b.filters = append(b.filters, newDimension(of, matches, &every, shared))
	}
	for of, among := range keyed {
		named := b.named(of.of)
		if *named == nil {
			*named = map[string]*dimension{}
		}
		(*named)[of.name] = newDimension(of, matches, among, shared)
	}
	return b
}

func (b *block) named(of Part) *map[string]*dimension {
	switch of {
	case Label:
		return &b.labels
	case Query:
		return &b.parameters
	}
	return &b.headers
}

// filtersOf chooses the subjects to filter by, what most rules ask of first.
func filtersOf(matches []Match) []subject {
	askers := map[subject]int{}
	for _, m := range matches {
		own := map[subject]bool{}
		for i := range m {
			own[m[i].subject()] = true
		}
		for of := range own {
			askers[of]++
		}
	}
	maps.DeleteFunc(askers, func(of subject, n int) bool { return of.of.named() && n*filterPart < len(matches) })
	filters := slices.SortedFunc(maps.Keys(askers), func(a, b subject) int {
		return cmp.Or(cmp.Compare(askers[b], askers[a]), cmp.Compare(a.of, b.of), cmp.Compare(a.name, b.name))
	})
	return filters[:min(len(filters), mostFilters)]
}

// use is a condition without what cannot be compared.
type use struct {
	of    subject
	op    Op
	value string
}

func (c *Condition) use() use { return use{c.subject(), c.Pattern.Op, c.Pattern.Value} }

// uses counts how many rules share a condition.
func uses(matches []Match) map[use]int {
	counts := map[use]int{}
	for _, m := range matches {
		for i := range m {
			counts[m[i].use()]++
		}
	}
	return counts
}

// key is the condition that a rule is found by: the least common that needs a
// header, label or parameter which is no filter. Nil: there is none.
func (m Match) key(filters []subject, common map[use]int) (key *Condition) {
	for i := range m {
		c := &m[i]
		if !c.Of.named() || c.holds("", false) || slices.Contains(filters, c.subject()) {
			continue
		}
		if key == nil || common[c.use()] < common[key.use()] {
			key = c
		}
	}
	return key
}
