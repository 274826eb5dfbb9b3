package sheet

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// sameBits compares numbers, and tells one NaN from another.
var sameBits = cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })

func TestEveryBitIsKept(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	schema := &mesh.Schema{Name: "tiny", Series: []mesh.Series{{Name: mesh.RequestRate}, {Name: "service"}}}
	window := func(service string, at time.Time) mesh.Window {
		return mesh.Window{
			Service: service, Schema: schema, Time: at, End: at.Add(-time.Second), Start: at.Add(-time.Minute),
			Endpoints: []mesh.Endpoint{{Name: "a", Subset: "v1", Zone: "z", Address: "10.0.0.1:80"}, {Name: "b"}},
			Values:    []float64{1, math.NaN(), math.Float64frombits(0x7ff8dead00000001), math.Copysign(0, -1)}, Requests: []float64{1, math.Inf(1)},
		}
	}
	whole := prom.Slice{Start: noon, Next: noon.Add(time.Hour), Memory: []byte("{}")}
	for i := range rowsAtOnce { // two rows each: more than are turned into values at a time
		at := noon.Add(time.Duration(i/2) * time.Second)
		whole.Windows = append(whole.Windows, window([]string{"cart", "shop"}[i%2], at))
	}
	for name, s := range map[string]prom.Slice{"whole": whole, "empty": {Start: noon, Next: noon.Add(time.Second), Memory: []byte{}}} {
		content, err := Encode(s, schema)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(content, schema)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got, sameBits); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		other := *schema
		other.Series = other.Series[:1]
		if _, err := Decode(content, &other); err == nil {
			t.Errorf("%s: it was read as a file of another schema", name)
		}
	}
}
