package rules

import "strings"

// trie finds the longest of some texts that a value begins with, in time by the
// length of the value.
type trie struct {
	root node
	fold bool // A to Z are a to z
}

// node stands for the text of the edges that lead to it.
type node struct {
	edge  string
	first string // the first byte of each edge that goes on from here
	next  []node
	// at is what a value may satisfy that ends here, under what one may that goes
	// on, but along no edge to its end.
	at, under *set
}

// add makes a node of a text, which is in lower case where the trie folds.
func (t *trie) add(text string) {
	n := &t.root
	for text != "" {
		i := strings.IndexByte(n.first, text[0])
		if i < 0 {
			n.first += text[:1]
			n.next = append(n.next, node{edge: text})
			return
		}
		child := &n.next[i]
		common := 0
		for common < len(text) && common < len(child.edge) && text[common] == child.edge[common] {
			common++
		}
		if common < len(child.edge) { // the edge is cut in two
			low := *child
			low.edge = child.edge[common:]
			*child = node{edge: child.edge[:common], first: low.edge[:1], next: []node{low}}
		}
		n, text = child, text[common:]
	}
}

// each calls visit for every node with its text.
func (t *trie) each(visit func(text string, n *node)) { t.root.each("", visit) }

func (n *node) each(text string, visit func(string, *node)) {
	visit(text, n)
	for i := range n.next {
		n.next[i].each(text+n.next[i].edge, visit)
	}
}

// pack lays the texts of all nodes side by side, where a walk finds them in few
// lines of the cache.
func (t *trie) pack() {
	var all strings.Builder
	t.each(func(_ string, n *node) { all.WriteString(n.edge + n.first) })
	rest := all.String()
	cut := func(s *string) { *s, rest = rest[:len(*s)], rest[len(*s):] }
	t.each(func(_ string, n *node) { cut(&n.edge); cut(&n.first) })
}

// find gives what a value may satisfy.
func (t *trie) find(value string) *set {
	n := &t.root
	for value != "" {
		c := value[0]
		if t.fold {
			c = lower(c)
		}
		i := 0
		for i < len(n.first) && n.first[i] != c {
			i++
		}
		if i == len(n.first) {
			return n.under
		}
		child := &n.next[i]
		length := len(child.edge)
		if length > 1 && (len(value) < length || value[:length] != child.edge && !(t.fold && sameFold(value[:length], child.edge))) {
			return n.under
		}
		n, value = child, value[length:]
	}
	return n.at
}
