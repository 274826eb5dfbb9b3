package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Bounds of what a file may hold once aliases are followed. A virtual service of
// 1,000 rules has some 30,000 nodes.
const (
	maxNodes = 1_000_000
	maxDepth = 100
	// textNode is how many bytes of text count as one more node, so that aliases
	// of a long text are bounded too.
	textNode = 32
)

// tree makes YAML trees plain: aliases are replaced by what they stand for, merge
// keys (<<) by what they merge, and keys are text that stands once. What an alias
// stands for is shared, not copied, but counted as often as it stands there.
type tree struct {
	budget int // nodes of the file that are left
}

// problem is what is wrong with a tree, and where.
type problem struct {
	node *yaml.Node
	text string
}

// plain returns the root of the plain tree.
func (t *tree) plain(root *yaml.Node) (*yaml.Node, *problem) {
	w := walk{tree: t, done: map[*yaml.Node]extent{}, open: map[*yaml.Node]bool{}}
	root, e, bad := w.plain(root)
	if bad != nil {
		return nil, bad
	}
	if t.budget -= e.nodes; t.budget < 0 {
		return nil, tooMany(root)
	}
	return root, nil
}

func tooMany(n *yaml.Node) *problem {
	return &problem{n, fmt.Sprintf("more than %d values up to here once aliases are followed; split the file, or write fewer aliases", maxNodes)}
}

// extent is how much stands at a node and below.
type extent struct{ nodes, depth int }

// walk is one document. done remembers what was walked, as aliases lead to the same
// nodes again; open are the nodes above the current one.
type walk struct {
	*tree
	done map[*yaml.Node]extent
	open map[*yaml.Node]bool
}

func (w *walk) plain(n *yaml.Node) (*yaml.Node, extent, *problem) {
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil || w.open[n.Alias] {
			return n, extent{}, &problem{n, fmt.Sprintf("alias *%s stands within what it is an alias of", n.Value)}
		}
		n = n.Alias
	}
	if e, ok := w.done[n]; ok {
		return n, e, nil
	}
	w.open[n] = true
	defer delete(w.open, n)

	e, bad := w.below(n)
	switch {
	case bad != nil:
		return n, e, bad
	case e.nodes > w.budget:
		return n, e, tooMany(n)
	case e.depth > maxDepth:
		return n, e, &problem{n, fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	w.done[n] = e
	return n, e, nil
}

// below makes the children of a node plain.
func (w *walk) below(n *yaml.Node) (extent, *problem) {
	e := extent{nodes: 1 + len(n.Value)/textNode, depth: 1}
	for i, c := range n.Content {
		c, own, bad := w.plain(c)
		if bad != nil {
			return e, bad
		}
		n.Content[i] = c
		e.nodes += own.nodes
		e.depth = max(e.depth, own.depth+1)
		if e.nodes > w.budget {
			return e, tooMany(c)
		}
	}
	if n.Kind != yaml.MappingNode {
		return e, nil
	}
	return e, w.keys(n)
}

// keys checks the keys of a mapping and takes in what it merges.
func (w *walk) keys(n *yaml.Node) *problem {
	lines := make(map[string]int, len(n.Content)/2)
	var own, merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			return &problem{key, fmt.Sprintf("a field's name is %s; write plain text", describe(key))}
		}
		if line, twice := lines[key.Value]; twice {
			return &problem{key, fmt.Sprintf("%.60q stands twice, first in line %d; remove one", key.Value, line)}
		}
		lines[key.Value] = key.Line
		if key.ShortTag() != "!!merge" {
			own = append(own, key, value)
			continue
		}
		switch value.Kind {
		case yaml.MappingNode:
			merged = append(merged, value)
		case yaml.SequenceNode:
			merged = append(merged, value.Content...)
		default:
			return &problem{value, "<< merges mappings; write << : *name"}
		}
	}
	for _, m := range merged {
		if m.Kind != yaml.MappingNode {
			return &problem{m, "<< merges mappings; write << : *name"}
		}
		if w.budget -= len(m.Content); w.budget < 0 { // its own price: the mapping may be merged many times
			return tooMany(n)
		}
		for i := 0; i+1 < len(m.Content); i += 2 {
			if _, there := lines[m.Content[i].Value]; there {
				continue
			}
			lines[m.Content[i].Value] = m.Content[i].Line
			own = append(own, m.Content[i], m.Content[i+1])
		}
	}
	n.Content = own
	return nil
}
