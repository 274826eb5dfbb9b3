package replay

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/google/go-cmp/cmp"
)

// twoServices is a walk that shows everything the text can say.
func twoServices(t *testing.T) *Trace {
	t.Helper()
	cfg := testConfig()
	cfg.From, cfg.Resamples = start.Add(20*timing.Step), 300
	cfg.Notes = []string{"the model was trained on another recording"}
	shop, bank := shop("shop", 160, 1), shop("bank", 160, 2)
	var pairs []datasets.Pair
	for i := range shop {
		pairs = append(pairs, pair("alone", i, seen{10, 0.1, 0, 1}), bank[i], shop[i])
	}
	trace := run(t, cfg, pairs, fixed{name: "equal"}, &counting{declines: 75}, fixed{"two", mesh.Weights{0.6, 0.4, 0}})
	log := append(drawn("shop", 9000, []float64{0.4, 0.3, 0.3}, 1), drawn("bank", 9000, []float64{0.2, 0.3, 0.5}, 2)...)
	if err := trace.Weigh(requests(log)); err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestTextIsGolden(t *testing.T) {
	var got bytes.Buffer
	if err := twoServices(t).Table().WriteText(&got); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/table.txt", got.Bytes())
}

func TestJSONIsGoldenAndReadsBack(t *testing.T) {
	table := twoServices(t).Table()
	got, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/table.json", append(got, '\n'))
	var back Table
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(back, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(again)); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestConcentrationIsDoubted: a policy that gives endpoints several times the
// load that they were recorded at is doubted, though it moves less than half.
func TestConcentrationIsDoubted(t *testing.T) {
	for _, c := range []struct {
		moved, sample Number
		want          string
	}{
		{0.40, 0.40, ""},
		{0.45, 0.25, "shop: greedy moves 45 % of the requests from where they were recorded (effective sample 25 %): a request meets 4.0 times the recorded load of its endpoint on average, and what that would do is not in its figures"},
		{0.60, 0.50, "shop: greedy moves 60 % of the requests from where they were recorded (effective sample 50 %): a request meets 2.0 times the recorded load of its endpoint on average, and what that would do is not in its figures"},
	} {
		row := Row{Policy: "greedy", Moved: c.moved, SampleRatio: c.sample}
		var want []string
		if c.want != "" {
			want = append(want, c.want)
		}
		if diff := cmp.Diff(want, row.doubts("shop")); diff != "" {
			t.Errorf("moved %v, sample %v: %s", c.moved, c.sample, diff)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	write := func(seed uint64) string {
		trace := twoServices(t)
		trace.cfg.Seed = seed
		text, err := json.Marshal(trace.Table())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first, again := write(1), write(1)
	if first != again {
		t.Error("two runs with the same seed differ")
	}
	if first == write(2) {
		t.Error("another seed draws the same")
	}
}

// golden compares with a file, and writes what it got beside it when they
// differ.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		if err := os.WriteFile(path+".new", got, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s (-want +got):\n%s\nif it is right, move %s.new over it", path, diff, path)
	}
}
