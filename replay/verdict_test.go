package replay

import (
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/finding"
)

// TestVerdicts walks the fixture's shop, whose third endpoint is slow and
// fails: what recorded equal shares can tell of a policy, and what they cannot.
func TestVerdicts(t *testing.T) {
	equal, two := fixed{name: "equal"}, fixed{"two", mesh.Weights{0.6, 0.4, 0}}
	third := fixed{"third", mesh.Weights{0.2, 0.2, 0.6}}
	mild := fixed{"mild", mesh.Weights{0.31, 0.31, 0.38}}
	lone := fixed{"lone", mesh.Weights{1, 0, 0}}
	unidentified := testConfig()
	unidentified.Unidentified = []string{"shop"}
	lenient := testConfig()
	lenient.Margins.Latency, lenient.Margins.Failures = 0.99, 0.5
	for name, c := range map[string]struct {
		cfg     Config
		windows int
		policy  fixed
		want    finding.Answer
		because string
		loses   int
	}{
		"better":               {testConfig(), 120, two, finding.Promote, "shop: cost -", 0},
		"worse":                {testConfig(), 120, third, finding.DoNotPromote, "shop: errors +", 3},
		"worse, within margin": {lenient, 120, mild, finding.CannotTell, "", 3},
		"load feedback":        {testConfig(), 120, lone, finding.CannotTell, "load feedback: 6", 0},
		"few blocks":           {testConfig(), 30, two, finding.CannotTell, "blocks are too few", 0},
		"load never varied":    {unidentified, 120, two, finding.CannotTell, "load effect not identifiable", 0},
	} {
		table := run(t, c.cfg, shop("shop", c.windows, 1), equal, c.policy).Table()
		if len(table.Verdicts) != 1 {
			t.Fatalf("%s: %d verdicts; want that of the one candidate", name, len(table.Verdicts))
		}
		v := table.Verdicts[0]
		if v.Candidate != c.policy.name || v.Answer != c.want || !strings.Contains(strings.Join(v.Because, "; "), c.because) || len(v.Loses) != c.loses {
			t.Errorf("%s: %q because %q, loses %v; want %q because of %q, and %d lost", name, v.Answer, v.Because, v.Loses, c.want, c.because, c.loses)
		}
	}
}

// TestVerdictOnARefusedLog: a log that is too small for a value casts doubt.
func TestVerdictOnARefusedLog(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"}, fixed{"two", mesh.Weights{0.6, 0.4, 0}})
	if err := trace.Weigh(requests(drawn("shop", 50, []float64{0.4, 0.3, 0.3}, 1))); err != nil {
		t.Fatal(err)
	}
	v := trace.Table().Verdicts[0]
	if got := strings.Join(v.Because, "; "); v.Answer != finding.CannotTell || !strings.Contains(got, "shop, request log: no overlap: refused") {
		t.Errorf("%q because %q; want that nothing can be told from 50 requests", v.Answer, got)
	}
}

func TestOneBlockIsToldInTheSingular(t *testing.T) {
	for blocks, want := range map[int]string{0: "0 blocks are too few", 1: "one block is too few", 2: "2 blocks are too few"} {
		if got := shortDoubts(blocks, 0.95); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%d blocks: %q; want %q", blocks, got, want)
		}
	}
}
