package train

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
)

// TestClass: what anything announced comes before what nothing did, and only
// faults of the endpoints that fail count.
func TestClass(t *testing.T) {
	at := func(k int) time.Time { return epoch.Add(time.Duration(k) * time.Minute) }
	i := Incident{Service: "s", Start: at(10), End: at(12), Failures: []EndpointFailure{{"a", at(10), at(12), Gone}, {"b", at(10), at(11), Erring}}}
	fault := func(endpoint, kind string, start, end, fails int) datasets.Fault {
		f := datasets.Fault{Service: "s", Endpoint: endpoint, Kind: kind, Start: at(start), End: at(end)}
		if fails > 0 {
			f.Fails = at(fails)
		}
		return f
	}
	elsewhere := fault("a", "crash", 9, 12, 9)
	elsewhere.Service = "t"
	for _, c := range []struct {
		name   string
		faults []datasets.Fault
		want   string
	}{
		{"none", nil, ""},
		{"ramp", []datasets.Fault{fault("a", "memory_ramp", 2, 12, 10)}, datasets.Ramp},
		{"of another endpoint", []datasets.Fault{fault("c", "memory_ramp", 2, 12, 10)}, ""},
		{"of another service", []datasets.Fault{elsewhere}, ""},
		{"over before", []datasets.Fault{fault("a", "crash", 2, 8, 2)}, ""},
		{"seen when it is over", []datasets.Fault{fault("a", "crash", 9, 10, 9)}, datasets.Sudden},
		{"of the second", []datasets.Fault{fault("b", "crash", 10, 12, 10)}, datasets.Sudden},
		{"a decoy that fails", []datasets.Fault{fault("a", "error_ramp_decoy", 2, 12, 0)}, datasets.Recovered},
		{"meant", []datasets.Fault{fault("a", "restart", 10, 12, 0)}, datasets.Benign},
		{"ramp and more", []datasets.Fault{fault("a", "errors", 0, 30, 0), fault("b", "leak", 2, 12, 0), fault("a", "crash", 10, 12, 10)}, datasets.Ramp},
	} {
		if got := i.Class(c.faults); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

// TestIncidents writes each as start to end, in windows, and its endpoints with
// what each began with.
func TestIncidents(t *testing.T) {
	for _, c := range []struct {
		name    string
		windows []string
		want    []string
	}{
		{"none", []string{".....", ".....", "....."}, nil},
		{"one", []string{"..EE..", "......"}, []string{"2-3 a errors"}},
		{"a pause is none", []string{"..EE.LL...", ".........."}, []string{"2-6 a errors"}},
		{"a long pause is one", []string{"..EE...LL.", ".........."}, []string{"2-3 a errors", "7-8 a latency"}},
		{"a correlated outage", []string{"..DDD...", "..DD....", "...EE..."}, []string{"2-4 a gone, b gone, c errors"}},
		{"one after another", []string{"..D.......", "....D.....", "......D..."}, []string{"2-6 a gone, b gone, c gone"}},
		{"on their own", []string{"..D.......", ".....D....", "........D."}, []string{"2-2 a gone", "5-5 b gone", "8-8 c gone"}},
		{"proven late, begun early", []string{"....D...", "...EE..."}, []string{"3-4 b errors, a gone"}},
	} {
		_, found := fates(t, stories(storyTiming.Step, c.windows...), storyTiming)
		var got []string
		window := func(at time.Time) string { return string(rune('0' + int(at.Sub(epoch)/storyTiming.Step))) }
		for _, i := range found {
			var who []string
			for _, f := range i.Failures {
				who = append(who, f.Endpoint+" "+f.Cause)
			}
			got = append(got, window(i.Start)+"-"+window(i.End)+" "+strings.Join(who, ", "))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestIncidentsStayInTheirPart: an outage that begins at the end of training and
// spreads into the next part is training's. That the later endpoint comes to
// fail too is nothing that the next part learns from, or is judged by.
func TestIncidentsStayInTheirPart(t *testing.T) {
	h := stories(storyTiming.Step, "....DD.......D......", ".....DD.....D.......", "......DD............")
	at := func(k int) time.Time { return h.Moments[k].Time }
	h.Split = datasets.Split{Start: at(0), TrainEnd: at(5), ValidationStart: at(5), ValidationEnd: at(15), TestStart: at(15), End: at(19)}
	lines, incidents := fates(t, h, storyTiming)
	want := []string{"..21----...21---..~~", "...21----.21---...~~", "....2-----........~~"}
	if len(incidents) != 2 || incidents[0].Part != datasets.Train || len(incidents[0].Failures) != 3 || incidents[1].Part != datasets.Validation {
		t.Fatalf("incidents %+v", incidents)
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// TestIncidentsOfTheGap: one that begins between two parts is the earlier one's,
// which has the decisions before it.
func TestIncidentsOfTheGap(t *testing.T) {
	h := stories(storyTiming.Step, ".....DD........", ".......D.......", ".........D.....")
	at := func(k int) time.Time { return h.Moments[k].Time }
	h.Split = datasets.Split{Start: at(0), TrainEnd: at(5), ValidationStart: at(7), ValidationEnd: at(13), TestStart: at(14), End: at(14)}
	lines, incidents := fates(t, h, storyTiming)
	if len(incidents) != 1 || incidents[0].Part != datasets.Train {
		t.Fatalf("incidents %+v", incidents)
	}
	if diff := cmp.Diff([]string{"...21----....~~", ".....21---...~~", ".......-----.~~"}, lines); diff != "" {
		t.Error(diff)
	}
}
