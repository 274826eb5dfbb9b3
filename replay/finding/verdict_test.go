package finding

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

// latency is a fact whose change is relative; failures are in their own unit.
func latency(metric string, value, low, high float64, significant bool) Fact {
	return Fact{metric, Latency, Estimate{Value: Number(1 + value), Change: &Change{
		Value: Number(value), Low: Number(low), High: Number(high), Relative: true, Significant: significant}}}
}

func failures(ratio, value, low, high float64, significant bool) Fact {
	return Fact{"failed", Failures, Estimate{Value: Number(ratio), Change: &Change{
		Value: Number(value), Low: Number(low), High: Number(high), Significant: significant}}}
}

var (
	better  = latency("mean", -0.2, -0.25, -0.15, true)
	same    = latency("p99", 0.01, -0.01, 0.02, false)
	unsure  = latency("p99", 0.01, -0.10, 0.12, false)
	little  = latency("p99", 0.02, 0.01, 0.03, true) // worse, within the margin
	worse   = latency("p99", 0.10, 0.05, 0.15, true)
	nothing = failures(0, 0, 0, 0, false)
	more    = failures(0.02, 0.01, 0.008, 0.012, true)
	churned = Fact{"churn", Other, Estimate{Value: 3, Change: &Change{Value: 3, Low: 2, High: 4, Significant: true}}}
	unknown = Fact{Metric: "p99", Kind: Latency, Estimate: Estimate{Value: 1}}
	zero    = Fact{"mean", Latency, Estimate{Value: 1, Change: &Change{Value: 1, Low: 1, High: 1, Significant: true}}} // reference 0
)

func TestJudge(t *testing.T) {
	place := func(facts ...Fact) Place { return Place{Name: "ramp", Facts: facts} }
	doubted := func(facts ...Fact) Place { return Place{Name: "stall", Facts: facts, Doubts: []string{"4 seeds"}} }
	remark := Place{Name: "fit", Remarks: []string{"poor"}}
	for name, c := range map[string]struct {
		places  []Place
		want    Answer
		because string
		loses   int
	}{
		"better and no worse":             {[]Place{place(better, same, nothing)}, Promote, "ramp: mean -20.0 % [-25.0, -15.0]", 0},
		"better here, alike there":        {[]Place{place(same, nothing), place(better, nothing)}, Promote, "mean", 0},
		"worse within the margin":         {[]Place{place(better, little, nothing)}, Promote, "mean", 1},
		"worse beyond it":                 {[]Place{place(better, nothing), place(worse, nothing)}, DoNotPromote, "p99 +10.0 % [+5.0, +15.0]", 1},
		"more fail":                       {[]Place{place(better, same, more)}, DoNotPromote, "failed +1 points [+0.8, +1.2]", 1},
		"fails a little more of much":     {[]Place{place(better, failures(0.51, 0.01, 0.005, 0.014, true))}, Promote, "mean", 1},
		"fails perhaps more":              {[]Place{place(better, failures(0.001, 0.0005, -0.001, 0.002, false))}, CannotTell, "failed", 0},
		"interval beyond the margin":      {[]Place{place(better, unsure, nothing)}, CannotTell, "p99 +1.0 % [-10.0, +12.0]", 0},
		"unknown":                         {[]Place{place(better, unknown, nothing)}, CannotTell, "p99 unknown", 0},
		"a reference of nothing":          {[]Place{place(better, zero)}, CannotTell, "mean ? % [?, ?]", 1},
		"alike":                           {[]Place{place(same, nothing)}, CannotTell, "", 0},
		"no place":                        {nil, CannotTell, "", 0},
		"a doubt over what is better":     {[]Place{doubted(better, nothing)}, CannotTell, "stall: 4 seeds", 0},
		"a doubt over what is worse":      {[]Place{doubted(worse, nothing)}, CannotTell, "stall: 4 seeds", 1},
		"worse where there is no doubt":   {[]Place{doubted(better), place(worse)}, DoNotPromote, "p99", 1},
		"a remark turns nothing over":     {[]Place{place(better, nothing), remark}, Promote, "fit: poor", 0},
		"nor saves anyone":                {[]Place{place(worse, nothing), remark}, DoNotPromote, "fit: poor", 1},
		"nor lifts a doubt":               {[]Place{doubted(better), remark}, CannotTell, "fit: poor", 0},
		"remarks alone are nothing":       {[]Place{remark}, CannotTell, "fit: poor", 0},
		"what does not decide is listed":  {[]Place{place(better, nothing, churned)}, Promote, "mean", 1},
		"only what does not decide loses": {[]Place{place(churned)}, CannotTell, "", 1},
	} {
		v := Judge("ours", "theirs", c.places, DefaultMargins())
		if v.Answer != c.want || v.Rule == "" || !strings.Contains(strings.Join(v.Because, "; "), c.because) || len(v.Loses) != c.loses {
			t.Errorf("%s: %q by %q because %q, %d lost; want %q because of %q, %d lost", name, v.Answer, v.Rule, v.Because, len(v.Loses), c.want, c.because, c.loses)
		}
	}
}

// TestEveryCaseHasOneAnswer goes through all combinations of facts: the answer
// is one of three, and never better when something worse is added.
func TestEveryCaseHasOneAnswer(t *testing.T) {
	facts := []Fact{better, same, unsure, little, worse, nothing, more, churned, unknown, zero}
	rank := map[Answer]int{DoNotPromote: 0, CannotTell: 1, Promote: 2}
	for set := range 1 << len(facts) {
		var some []Fact
		for i := range facts {
			if set>>i&1 == 1 {
				some = append(some, facts[i])
			}
		}
		one := Judge("a", "b", []Place{{Name: "here", Facts: some}}, DefaultMargins())
		two := Judge("a", "b", []Place{{Name: "here", Facts: append(slices.Clone(some), worse)}}, DefaultMargins())
		before, ok := rank[one.Answer]
		if !ok || rank[two.Answer] > before || two.Answer != DoNotPromote {
			t.Fatalf("%v gives %q, and with a loss %q", some, one.Answer, two.Answer)
		}
	}
}

func TestMarginsDecide(t *testing.T) {
	places := []Place{{Name: "ramp", Facts: []Fact{better, worse}}}
	if v := Judge("a", "b", places, Margins{Latency: 0.2}); v.Answer != Promote {
		t.Errorf("with a margin of 20 %%, 10 %% worse gives %q", v.Answer)
	}
	for _, m := range []Margins{{Latency: -1}, {Latency: 1}, {Failures: -1}, {Failures: 2}, {Latency: math.NaN()}} {
		if m.Validate() == nil {
			t.Errorf("%+v is taken for margins", m)
		}
	}
	if err := DefaultMargins().Validate(); err != nil {
		t.Error(err)
	}
}

func TestVerdictIsJSON(t *testing.T) {
	text, err := json.Marshal(Judge("a", "b", []Place{{Name: "ramp", Facts: []Fact{worse}}}, DefaultMargins()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"verdict":"do not promote"`, `"rule":"somewhere`, `"loses":[{"where":"ramp","metric":"p99"`, `"margins":{"latency":0.03`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}
