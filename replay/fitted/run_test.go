package fitted

import (
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/fit"
)

// TestOnlyAFitCounts: the same table is a place of a verdict where the mesh fits,
// and a remark where it does not.
func TestOnlyAFitCounts(t *testing.T) {
	worse := finding.Estimate{Value: 2, Change: &finding.Change{Value: 1, Low: 0.9, High: 1.1, Relative: true, Significant: true}}
	table := &contest.Comparison{Seeds: 10, Rows: []contest.Row{{Strategy: "b"}, {Strategy: "a", Mean: worse}}}
	for verdict, want := range map[string]finding.Answer{fit.Fits: finding.DoNotPromote, fit.CannotTell: finding.CannotTell} {
		r := &Result{Level: 0.95, Services: []Service{
			{Service: "shop", Fit: &fit.Fit{Report: fit.Report{Verdict: verdict, Why: []string{"p99 is off"}}}, Comparison: table},
			{Service: "till", LeftOut: "cannot tell the workers"},
		}}
		v := finding.Judge("a", "b", r.Places("a"), finding.DefaultMargins())
		because := strings.Join(v.Because, "; ")
		if v.Answer != want || !strings.Contains(because, "till, simulated: cannot tell the workers") || strings.Contains(because, "p99 is off") == (verdict == fit.Fits) {
			t.Errorf("%s: %s because %q; want %s", verdict, v.Answer, because, want)
		}
		if r.Fits("shop") != (verdict == fit.Fits) || r.Fits("till") || (*Result)(nil).Fits("shop") {
			t.Errorf("%s: fits shop %v, till %v", verdict, r.Fits("shop"), r.Fits("till"))
		}
	}
}
