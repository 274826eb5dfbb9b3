package rules

// blockSize is how many rules are looked up at once. What an index takes grows by
// its square at worst: a quarter of a megabyte for each subject that they ask of.
const blockSize = 1024

// set is one of a block's rules.
type set [blockSize / 64]uint64

func (s *set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s *set) and(o *set) {
	for i, word := range o {
		s[i] &= word
	}
}

func (s *set) or(o *set) {
	for i, word := range o {
		s[i] |= word
	}
}

// pool keeps one of each, since most nodes say the same as their neighbours.
type pool map[set]*set

func (p pool) one(s set) *set {
	if kept := p[s]; kept != nil {
		return kept
	}
	p[s] = &s
	return &s
}
