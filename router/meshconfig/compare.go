package meshconfig

import (
	"fmt"
	"io"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// Comparison is what manifests would change against objects that are there. Defaults,
// the order of fields, the version of a kind and what a server keeps for itself do not
// count, nor labels and annotations that fairway does not set.
type Comparison struct {
	New, Changed, Same []*Manifest
	// Stay are objects that fairway made once and makes no more: applying the manifests
	// leaves them.
	Stay []*manifest.Object
	// Conflicts say which objects do the same job under another name, and what comes of
	// that.
	Conflicts []string
	// Others is how many objects of these kinds are somebody else's.
	Others int

	diffs map[*Manifest]string
}

// Compare compares manifests of a configuration with objects, of which the kinds that
// manifests are made of count. An object without a namespace is of the
// configuration's.
func Compare(cfg Config, want []*Manifest, have []manifest.Object, place string) (*Comparison, error) {
	c := &Comparison{diffs: map[*Manifest]string{}}
	have = relevant(cfg, have)
	found := map[string]*manifest.Object{}
	for i := range have {
		o := &have[i]
		if k := key(o); found[k] == nil {
			found[k] = o
		} else {
			c.Conflicts = append(c.Conflicts, fmt.Sprintf("%s stands twice: at %s and %s; the first is compared", o, found[k].At(), o.At()))
		}
	}
	ours := map[*manifest.Object]bool{}
	for _, m := range want {
		o := found[key(m.object)]
		ours[o] = true
		if err := c.compare(m, o, place); err != nil {
			return nil, err
		}
	}
	hosts := hosts(cfg, want)
	for i := range have {
		o := &have[i]
		if found[key(o)] != o || ours[o] {
			continue
		}
		if o.Labels[managedBy] == manager && o.Namespace == cfg.Namespace {
			c.Stay = append(c.Stay, o)
		} else if text := conflict(cfg, hosts, o); text != "" {
			c.Conflicts = append(c.Conflicts, text)
		} else {
			c.Others++
		}
	}
	return c, nil
}

// relevant are the objects of our kinds, each in a namespace.
func relevant(cfg Config, objects []manifest.Object) (list []manifest.Object) {
	for _, o := range objects {
		if !slices.Contains(Kinds(), o.GroupKind()) {
			continue
		}
		if o.Namespace == "" {
			o.Namespace = cfg.Namespace
		}
		list = append(list, o)
	}
	return list
}

func key(o *manifest.Object) string {
	return o.GroupKind() + " " + o.Namespace + "/" + o.Name
}

// compare compares one manifest with what is there of its name, nil where nothing is.
func (c *Comparison) compare(m *Manifest, o *manifest.Object, place string) error {
	before, after, err := forms(m, o)
	if err != nil {
		return fmt.Errorf("%s: %w", m, err)
	}
	switch {
	case o == nil:
		c.New = append(c.New, m)
	case before == after:
		c.Same = append(c.Same, m)
		return nil
	default:
		c.Changed = append(c.Changed, m)
	}
	where := m.String() + " in " + place
	if o == nil {
		where = "/dev/null"
	}
	c.diffs[m] = unified(where, m.String(), before, after)
	return nil
}

// forms are the texts of what is there and what shall be that tell whether they mean
// the same.
func forms(m *Manifest, o *manifest.Object) (before, after string, err error) {
	spec, raw := canonical(m.object)
	if o != nil {
		there, foreign := canonical(o)
		if foreign && !raw { // compare alike with alike
			spec = asWritten(m.object)
		}
		if before, err = form(m, o.Labels, there); err != nil {
			return "", "", err
		}
	}
	after, err = form(m, m.object.Labels, spec)
	return before, after, err
}

func form(m *Manifest, labels map[string]string, spec any) (string, error) {
	told := map[string]any{}
	for name := range m.object.Labels {
		if value, there := labels[name]; there {
			told[name] = value
		}
	}
	text, err := yaml.Marshal(map[string]any{
		"kind":     m.Kind,
		"metadata": map[string]any{"name": m.Name, "namespace": m.Namespace, "labels": told},
		"spec":     spec,
	})
	return string(text), err
}

// Differs reports whether anything is not as the manifests have it.
func (c *Comparison) Differs() bool {
	return len(c.New)+len(c.Changed)+len(c.Stay)+len(c.Conflicts) > 0
}

// Summary is how many there are of what, in a line.
func (c *Comparison) Summary() string {
	return fmt.Sprintf("%d new, %d changed, %d same, %d of fairway's no longer printed (would stay), %d in conflict, %d not fairway's",
		len(c.New), len(c.Changed), len(c.Same), len(c.Stay), len(c.Conflicts), c.Others)
}

// Write writes a unified diff of each object that is new or changed, then what stays
// and what is in conflict.
func (c *Comparison) Write(out io.Writer) error {
	var text []byte
	for _, m := range slices.Concat(c.New, c.Changed) {
		text = append(text, c.diffs[m]...)
	}
	for _, o := range c.Stay {
		text = fmt.Appendf(text, "stays: %s is fairway's and is no longer printed; delete it by hand\n", printable(o.String()))
	}
	for _, said := range c.Conflicts {
		text = fmt.Appendf(text, "conflict: %s\n", printable(said))
	}
	_, err := out.Write(text)
	return err
}
