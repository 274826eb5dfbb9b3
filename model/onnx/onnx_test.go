package onnx

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

func written(t testing.TB, m *model.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRoundTrip holds that nothing of a model is lost on the way.
func TestRoundTrip(t *testing.T) {
	for _, kind := range append(model.Kinds(), "") {
		m := trained(kind)
		content := written(t, m)
		got, err := read(t, content).Model()
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
		if !bytes.Equal(content, written(t, got)) {
			t.Errorf("%s: written again it is another file", kind)
		}
	}
	single := trained(model.Outcome)
	single.Routing.Mean = false
	if got, err := read(t, written(t, single)).Model(); err != nil || !cmp.Equal(single, got) {
		t.Errorf("members that only doubt: %v, %s", err, cmp.Diff(single, got))
	}
	m := trained(model.Softmax)
	m.Failure = nil
	if got, err := read(t, written(t, m)).Model(); err != nil || got.Failure != nil {
		t.Errorf("without a failure network: %v, %v", got, err)
	}
}

// TestWithoutProperties reads a file of ours like one of others.
func TestWithoutProperties(t *testing.T) {
	for _, kind := range model.Kinds() {
		m := trained(kind)
		m.Failure = nil
		m.Routing.Members, m.Routing.Mean, m.Routing.Doubt = nil, false, nil
		f := read(t, written(t, m))
		f.file.metadata = nil
		if _, err := f.Model(); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v; want ErrForeign", kind, err)
		}
		d, err := f.Dense(true)
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.Routing(kind, m.Routing.Columns, nil, m.Routing.Routes)
		if err != nil {
			t.Fatal(err)
		}
		// All but what was seen in training is in the graph.
		n.Scaler.Low, n.Scaler.High = m.Routing.Scaler.Low, m.Routing.Scaler.High
		if diff := cmp.Diff(m.Routing, n); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
		if _, err := f.Dense(false); err == nil || !strings.Contains(err.Error(), "clips") {
			t.Errorf("%s: as a part of the first layer: %v; want that clipping cannot be", kind, err)
		}
	}
}

// TestBare: layers alone are read as they are, without a scaler.
func TestBare(t *testing.T) {
	want := layers(rand.New(rand.NewPCG(3, 4)), 5, 7, 2)
	d, err := read(t, Bare(want)).Dense(true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, d.Layers); diff != "" || d.Scaler != nil || d.Inputs != 5 {
		t.Errorf("%d inputs, scaler %v, %s", d.Inputs, d.Scaler, diff)
	}
}

// TestKnowsEveryField fails when a model learns to hold more than is written
// here: weights are no part of the property that all else is in.
func TestKnowsEveryField(t *testing.T) {
	for of, want := range map[any]string{
		model.Model{}.Routing: "Kind Columns Scaler Layers Members Mean Doubt Routes Bounds",
		(*model.Doubt)(nil):   "Whiten Distance Latency Capacity Spread",
		model.Model{}.Failure: "Columns Scaler Layers Bins Calibration Classes Levels BaseRate",
	} {
		var names []string
		for field := range reflect.TypeOf(of).Elem().Fields() {
			names = append(names, field.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%T has %s; the exporter knows %s", of, got, want)
		}
	}
}

// TestChangedByHand holds that graph and properties must agree.
func TestChangedByHand(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(f *file)
	}{
		{"property fairway.model", func(f *file) { f.metadata[0][1] = "{" }},
		{"schema_hash", func(f *file) {
			f.metadata[0][1] = strings.Replace(f.metadata[0][1], "requests_total", "others_total", 1)
		}},
		{"routing network: layer 1 of the graph", func(f *file) { f.metadata[0][1] = strings.Replace(f.metadata[0][1], `"out":16`, `"out":17`, 1) }},
		{"does not scale", func(f *file) { f.graph.initializers[1].data[3] ^= 1 }},
		{"member 1: the graph has 3 layers, the property fairway.model speaks of 0", func(f *file) {
			f.metadata[0][1] = strings.Replace(f.metadata[0][1], `"members":[`, `"members":[[],[],`, 1)
		}},
		{"property fairway.routing.whiten", func(f *file) {
			f.metadata = slices.DeleteFunc(f.metadata, func(pair [2]string) bool { return pair[0] == whitenKey })
		}},
		{"failure network: nothing makes", func(f *file) { f.graph.nodes[len(f.graph.nodes)-1].outputs[0] = "renamed" }},
		{"objective", func(f *file) {
			f.metadata[0][1] = strings.Replace(f.metadata[0][1], `"percentile":0.99`, `"percentile":9`, 1)
		}},
	} {
		f := read(t, written(t, trained(model.Outcome))).file
		c.change(&f)
		if _, err := read(t, f.encode()).Model(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
}

// TestFolding reads what may stand before, between and after layers.
func TestFolding(t *testing.T) {
	rng := newRand()
	base := layers(rng, 3, 4, 2)
	by, and := []float32{2, 0.5, 3}, []float32{1, -1, 0.25}
	build := func(before, between []node) *file {
		g := graph{inputs: []value{input("x", float32Kind, 3)}, outputs: []value{input("y", float32Kind, 2)}}
		g.initializers = []tensor{single("by", by, 3), single("and", and, 1, 3), single("two", []float32{2}), single("w1", base[0].W, 4, 3), single("b1", base[0].B, 1, 4), single("w2", base[1].W, 2, 4), single("b2", base[1].B, 2)}
		g.nodes = append(g.nodes, before...)
		g.nodes = append(g.nodes, node{op: "Gemm", inputs: []string{"v", "w1", "b1"}, outputs: []string{"h"}, attributes: []attribute{integer("transB", 1)}}, node{op: "Relu", inputs: []string{"h"}, outputs: []string{"r"}})
		g.nodes = append(g.nodes, between...)
		g.nodes = append(g.nodes, node{op: "Gemm", inputs: []string{"s", "w2", "b2"}, outputs: []string{"y"}, attributes: []attribute{integer("transB", 1), real("alpha", 3), real("beta", 0.5)}})
		return &file{irVersion: 7, graph: g, opsets: []opset{{version: 12}}}
	}
	f := build([]node{
		{op: "Mul", inputs: []string{"by", "x"}, outputs: []string{"u"}}, {op: "Sub", inputs: []string{"and", "u"}, outputs: []string{"v"}},
	}, []node{
		{op: "Constant", outputs: []string{"c"}, attributes: []attribute{{name: "value", kind: 4, t: &tensor{kind: float32Kind, data: []byte{0, 0, 128, 63}}}}},
		{op: "Add", inputs: []string{"r", "c"}, outputs: []string{"p"}}, {op: "Div", inputs: []string{"p", "two"}, outputs: []string{"q"}},
		{op: "Cast", inputs: []string{"q"}, outputs: []string{"s"}, attributes: []attribute{integer("to", float32Kind)}},
	})
	d, err := read(t, f.encode()).Dense(true)
	if err != nil {
		t.Fatal(err)
	}
	if d.Scaler != nil {
		t.Errorf("a negative scale became a scaler: %v", d.Scaler)
	}
	for range 20 {
		x := make([]float64, 3)
		scaled := make([]float64, 3)
		for i := range x {
			x[i] = rng.NormFloat64()
			scaled[i] = float64(and[i]) - float64(by[i])*x[i]
		}
		h := plain(base[:1], scaled)
		for i := range h {
			h[i] = (h[i] + 1) / 2
		}
		got := plain(d.Layers, x)
		for o := range got {
			want := 0.5 * float64(base[1].B[o])
			for i := range h {
				want += 3 * float64(base[1].W[o*4+i]) * h[i]
			}
			if math.Abs(got[o]-want) > 1e-5*(1+math.Abs(want)) {
				t.Fatalf("output %d is %v; want %v", o, got[o], want)
			}
		}
	}
}

// TestTypedValues reads values that are not in raw_data.
func TestTypedValues(t *testing.T) {
	for _, c := range []struct {
		kind    int64
		content []byte
	}{
		{float32Kind, appendMessage(nil, 4, []byte{0, 0, 128, 63, 0, 0, 0, 64})},
		{float32Kind, []byte{4<<3 | 5, 0, 0, 128, 63, 4<<3 | 5, 0, 0, 0, 64}},
		{float64Kind, appendMessage(nil, 10, []byte{0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 64})},
	} {
		// A shape may be packed too.
		content := append(appendMessage(appendInt(appendText(nil, 8, "c"), 2, c.kind), 1, []byte{2}), c.content...)
		var g graph
		if err := g.decode(appendMessage(nil, 5, content)); err != nil {
			t.Fatal(err)
		}
		x, err := newIndex(&file{graph: g, opsets: []opset{{version: 13}}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := x.vector("c", 2); err != nil || got[0] != 1 || got[1] != 2 {
			t.Errorf("%v, %v; want 1 and 2", got, err)
		}
	}
}

// TestMeaning holds networks to what is said of them.
func TestMeaning(t *testing.T) {
	dense := func(name string, raw bool) *Dense {
		d, err := read(t, foreigners[name]().fileContent()).Dense(raw)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	outcome, fixed, failing := dense("keras-outcome.onnx", true), dense("keras-fixed5.onnx", true), dense("pytorch-failure.onnx", true)
	columns, four := features.Outcome(), features.Routing()[:4]
	whole := model.Scaler{Center: make([]float32, 4), Scale: []float32{1, 1, 1, 2}}
	routing := func(d *Dense, kind model.Kind, columns []string, s *model.Scaler, routes ...string) error {
		_, err := d.Routing(kind, columns, s, routes)
		return err
	}
	bins := func(d *Dense, columns []string, bins ...time.Duration) error {
		_, err := d.Failure(columns, nil, bins)
		return err
	}
	for want, err := range map[string]error{
		`the columns "shoe_size"`:      routing(outcome, model.Outcome, append(columns[:outcomeWidth-1:outcomeWidth-1], "shoe_size"), nil),
		"is named twice":               routing(outcome, model.Outcome, append(columns[:outcomeWidth-1:outcomeWidth-1], columns[0]), nil),
		"takes 30 values, and 29":      routing(outcome, model.Outcome, columns[:outcomeWidth-1], nil),
		"10 outputs; of kind softmax":  routing(outcome, model.Softmax, columns, nil),
		"kind is":                      routing(outcome, "wide", columns, nil),
		"4 routes are named":           routing(fixed, model.Fixed5, four, &whole, "a", "b", "c", "d"),
		"3 columns of each of 5":       routing(fixed, model.Fixed5, four[:3], &whole, "a", "b", "c", "d", "e"),
		"no scaler is given":           routing(fixed, model.Fixed5, four, nil, "a", "b", "c", "d", "e"),
		"4 values of center for 30":    routing(outcome, model.Outcome, columns, &whole),
		"no bins":                      bins(failing, features.Failure()),
		"3 outputs; of kind failure":   bins(failing, features.Failure(), time.Second),
		"ends in a Softmax, which":     bins(fixed, features.Routing(), 1, 2, 3, 4, 5),
		"does not scale its inputs, a": bins(failing, features.Failure(), 1, 2, 3),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	n, err := fixed.Routing(model.Fixed5, four, &whole, []string{"a", "b", "c", "d", ""})
	if err != nil {
		t.Fatal(err)
	}
	if s := n.Scaler; s.Impute[3] != 0 || s.Low[3] != -16 || s.High[0] != 8 {
		t.Errorf("the scaler was completed to %+v", s)
	}
}
