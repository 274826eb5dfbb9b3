package mesh

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestWeights(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		in, want Weights
		scaled   bool
	}{
		{Weights{1, 3}, Weights{0.25, 0.75}, true},
		{Weights{0, 2}, Weights{0, 1}, true},
		{Weights{nan, 2, -1}, Weights{0, 1, 0}, true},
		{Weights{0, 0}, Weights{0.5, 0.5}, false},
		{Weights{nan, inf}, Weights{0.5, 0.5}, false},
		{Weights{}, Weights{}, false},
	} {
		got := append(Weights(nil), c.in...)
		scaled := got.Normalize()
		if err := got.Validate(); err != nil {
			t.Errorf("%v normalized to %v: %v", c.in, got, err)
		}
		if scaled != c.scaled {
			t.Errorf("%v: normalized says %v; want %v", c.in, scaled, c.scaled)
		}
		for i := range c.want {
			if c.scaled && math.Abs(got[i]-c.want[i]) > 1e-12 {
				t.Errorf("%v normalized to %v; want %v", c.in, got, c.want)
			}
		}
	}
	for _, bad := range []Weights{{0.5, 0.6}, {-0.1, 1.1}, {nan, 1}, {inf, 0}, {0, 0}} {
		if bad.Validate() == nil {
			t.Errorf("%v is valid; want an error", bad)
		}
	}
}

func TestCost(t *testing.T) {
	o := DefaultObjective()
	for _, c := range []struct{ mean, errors, want float64 }{
		{0.1, 0, 0.1},
		{0.1, 1, 1},
		{0.1, 0.5, 0.55},
		{5, 0, 1}, // nobody waits longer than the deadline
		{0.001, 0.9, 0.9001},
	} {
		if got := o.Cost(c.mean, c.errors); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("cost of %v s with %v errors is %v; want %v", c.mean, c.errors, got, c.want)
		}
	}
}

func TestSchemaHash(t *testing.T) {
	schema := func() *Schema {
		return &Schema{Name: "a", Labels: Labels{Service: "service"}, Series: []Series{{Name: Up, Query: "up"}}}
	}
	same, other := schema(), schema()
	same.Name, same.Help, same.Series[0].Help = "b", "changed", "changed"
	other.Series[0].Query = "up == 1"
	if schema().Hash() != same.Hash() {
		t.Error("the hash changes with a name")
	}
	if schema().Hash() == other.Hash() {
		t.Error("the hash does not change with a query")
	}
}

func ExampleWindow_At() {
	w := Window{
		Service:   "checkout",
		Schema:    &Schema{Series: []Series{{Name: RequestRate}, {Name: ErrorRatio}}},
		Endpoints: []Endpoint{{Name: "a"}, {Name: "b"}},
		Values:    []float64{10, 0, 20, 0.5},
	}
	fmt.Println(w.At(w.Find("b"), ErrorRatio), w.At(0, Up))
	// Output: 0.5 NaN
}

func TestInForce(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		t    Timing
		want time.Duration
	}{
		{Timing{Step: 5 * s, Range: 10 * s, Horizon: 30 * s}, 10 * s},
		{Timing{Step: 15 * s, Range: 0, Horizon: 60 * s}, 15 * s},
		{Timing{Step: 15 * s, Range: 300 * s, Horizon: 60 * s}, 60 * s},
	} {
		if got := c.t.InForce(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.t, got, c.want)
		}
	}
}

func TestPurge(t *testing.T) {
	timing := Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second, Horizon: 30 * time.Second}
	if got := timing.Purge(); got != 42*time.Second {
		t.Errorf("purge is %v; want range, delay and horizon together", got)
	}
}
