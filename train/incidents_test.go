package train

import (
	"testing"
	"time"

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
