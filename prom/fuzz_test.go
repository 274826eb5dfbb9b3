package prom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
)

// FuzzText compares the lines that are not parsed anew with Prometheus' parser
// over the whole text, and a text in small pieces with the same in one.
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
			if err := x.read(t.Context(), bytes.NewReader(content), pieceLength); err != nil {
				continue
			}
			// However it is cut into pieces, it is the same.
			pieces := newMemory()
			y := newText("dump", pieces)
			y.dialect = d
			if err := y.read(t.Context(), bytes.NewReader(content), 16); err != nil {
				t.Fatalf("%s: %q is refused in small pieces: %v", d.name, content, err)
			}
			if diff := cmp.Diff(spelled(ours), spelled(pieces)); diff != "" {
				t.Fatalf("%s: %q in small pieces: %s", d.name, content, diff)
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

// FuzzCut cuts a history in OpenMetrics anywhere: it is never read as if it
// were whole, and never as the other text format.
func FuzzCut(f *testing.F) {
	for at := range 20 {
		f.Add([]byte(smallSeconds), uint(at*len(smallSeconds)/20))
	}
	f.Add([]byte("a 1 1\na 2 2\n# EOF"), uint(12))
	f.Add([]byte("# TYPE a counter\na_total 1 0.5\na_total 1 100000000000000\n# EOF\n"), uint(31))
	f.Fuzz(func(t *testing.T, content []byte, at uint) {
		end := bytes.Index(content, []byte("\n"+endOfText))
		if _, isJSON := firstKey(content); end < 0 || isJSON {
			return
		}
		d, err := read(t.Context(), "dump", bytes.NewReader(content))
		if err != nil || d.Instant() {
			return
		}
		cut := content[:at%uint(end+2)]
		if _, err := read(t.Context(), "dump", bytes.NewReader(cut)); err == nil {
			t.Errorf("%q is read although it is cut from %q", cut, content)
		}
	})
}

// FuzzExport compares the lists of an export with those of encoding/json.
func FuzzExport(f *testing.F) {
	for line := range strings.SplitSeq(smallExport, "\n") {
		f.Add([]byte(line))
	}
	for _, lists := range []string{`"values":[1 , 2e3, null,"-Infinity"],"timestamps": [ 1,2,3,-4 ]`, `"values":[],"timestamps":[]`, `"values":[[1,2]],"timestamps":[1,2]`, `"values":["1,2"],"timestamps":[1,2]`, `"values":[1],"timestamps":[1],"values":[2]`} {
		f.Add([]byte(`{"metric":{"__name__":"a"},` + lists + `}`))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m := newMemory()
		if err := m.addLine(line); err != nil {
			return
		}
		var want struct {
			Values     []any
			Timestamps []int64
		}
		if err := json.Unmarshal(line, &want); err != nil || len(want.Values) != len(want.Timestamps) {
			t.Fatalf("%q is accepted, but: %v", line, err)
		}
		got := map[int64]float64{}
		for _, p := range m.series[0].points() {
			got[p.t] = p.v
		}
		for i, at := range want.Timestamps {
			v, ok := got[at]
			if number, is := want.Values[i].(float64); !ok || is && number != v && !value.IsStaleNaN(v) {
				t.Fatalf("%q gives %v at %d, want %v", line, v, at, want.Values[i])
			}
		}
	})
}

// FuzzNative reads buckets that may be anything.
func FuzzNative(f *testing.F) {
	for _, buckets := range []string{`[[0,"1","2","3"]]`, `[[1,"-2","-1","1"],[3,"-0.001","0.001","1"],[0,"0.001","0.0011","1"]]`, `[[0,"1.7976931348623157e+308","+Inf","3"]]`, `[[0,"5e-324","1e-323","1"],[0,"1","1e300","1"]]`} {
		f.Add([]byte(`{"count":"3","sum":"3","buckets":` + buckets + `}`))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var j model.SampleHistogram
		if json.Unmarshal(text, &j) != nil {
			return
		}
		h, err := native(&j)
		if err != nil {
			return
		}
		if again, err := native(inJSON(h)); err != nil || !again.Equals(h) {
			t.Errorf("%s becomes %s, %v", h, again, err)
		}
	})
}
