package prom

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// FuzzText compares the lines that are not parsed anew with Prometheus' parser
// over the whole text.
func FuzzText(f *testing.F) {
	for _, seed := range []string{smallSeconds, smallProm, small, long(3) + "# EOF\n", "up 1\nup 1\n", "a{b=\"}\"} 1 1\na{b=\"}\"} 2 2\n# EOF\n",
		"{\"a b\",c=\"d\"} 1 1\n{\"a b\",c=\"d\"} 0x1p2 2\n# EOF\n", "a 1 1 # {x=\"y\"} 1\na 2 2 # {x=\"y\"} 1\n# EOF\n", "a 1e-3 -1.5e3\na nan 1\na -inF 2\na 1 1e999\n# EOF\n",
		"a 1 1767225600000\na 1 +1767225600001\n", "a\t1\t1767225600000\na\t2\t1767225600001\n", "# TYPE a summary\na{quantile=\"1\"} 1 1\n# TYPE a gauge\na{quantile=\"1\"} 1 2\n# EOF\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, d := range []*dialect{openMetrics, prometheusText} {
			ours := newMemory()
			x := newText("dump", ours)
			x.dialect = d
			if err := x.all(content); err != nil {
				continue
			}
			whole, err := parseWhole(d, content)
			if err != nil {
				t.Fatalf("%s: %q is accepted, but the parser says %v", d.name, content, err)
			}
			if diff := cmp.Diff(spelled(whole), spelled(ours)); diff != "" {
				t.Fatalf("%s: %q: %s", d.name, content, diff)
			}
		}
	})
}

// all reads lines that are in memory.
func (t *text) all(content []byte) error {
	whole := bytes.LastIndexByte(content, '\n') + 1
	for line := range bytes.Lines(content[:whole]) {
		if err := t.line(line[:len(line)-1]); err != nil {
			return err
		}
	}
	return t.end(content[whole:], nil)
}

// parseWhole gives the whole text to the parser in one piece.
func parseWhole(d *dialect, content []byte) (*memory, error) {
	text := bytes.Clone(content)
	if i := bytes.Index(append([]byte("\n"), text...), []byte("\n"+endOfText)); d.ended && i >= 0 {
		text = append(text[:i], endOfText+"\n"...)
	}
	if !d.ended {
		text = regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAll(text, nil)
	}
	m := newMemory()
	timeless := false
	for p := d.parser(text, labels.NewSymbolTable()); ; {
		switch entry, err := p.Next(); {
		case err == io.EOF:
			if timeless {
				for _, s := range m.series {
					s.newest.t = 0
					s.replace(points{s.newest})
				}
			}
			return m, nil
		case err != nil:
			return nil, err
		case entry == textparse.EntrySeries:
			_, at, v := p.Series()
			if timeless = timeless || at == nil; at == nil {
				at = new(int64)
			}
			var l labels.Labels
			p.Labels(&l)
			if err := m.add(m.open(l), *at, v); err != nil {
				return nil, err
			}
		}
	}
}

// spelled writes the samples of each series, to the last bit.
func spelled(m *memory) map[string]string {
	all := map[string]string{}
	for _, s := range m.series {
		for _, x := range s.points() {
			all[s.labels.String()] += fmt.Sprintf(" %d:%x", x.t, math.Float64bits(x.v))
		}
	}
	return all
}
