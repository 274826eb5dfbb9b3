package train

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
)

// offered makes a reservoir of a stream in which every hundredth moment is
// before a failure; moments have two endpoints.
func offered(most int, seed uint64, moments int) *reservoir {
	r := newReservoir(most, seeded(seed))
	for k := range moments {
		s := stratum{service: "s"}
		if k%100 == 0 {
			s.regime = beforeFailure
		}
		r.offer(s, 0, &Moment{Time: epoch.Add(time.Duration(k) * time.Second), Endpoints: []string{"a", "b"}})
		if r.held > most+most/8 {
			panic("the reservoir holds more than it may")
		}
	}
	return r
}

func TestRareRegimesSurvive(t *testing.T) {
	for _, moments := range []int{10, 400, 5000, 50_000} {
		r := offered(1000, 1, moments)
		list := r.finish()
		rows, rare, last, sum, rareSum := 2*len(list), 0, -1, 0.0, 0.0
		for i := range list {
			m := &list[i].moment
			k := int(m.Time.Sub(epoch) / time.Second)
			if k <= last {
				t.Fatalf("%d moments: %d comes after %d", moments, k, last)
			}
			last = k
			sum += m.Weight
			if k%100 == 0 {
				rare++
				rareSum += m.Weight
			}
		}
		if want := min(2*moments, 1000); rows != want {
			t.Errorf("%d moments: %d rows; want %d", moments, rows, want)
		}
		if want := min((moments+99)/100, 250); rare != want {
			t.Errorf("%d moments: %d rare ones; want %d", moments, rare, want)
		}
		if math.Abs(sum/float64(len(list))-1) > 1e-9 || math.Abs(rareSum/sum-math.Ceil(float64(moments)/100)/float64(moments)) > 1e-9 {
			t.Errorf("%d moments: the weights have mean %v, of the rare ones the part %v", moments, sum/float64(len(list)), rareSum/sum)
		}
	}
}

// TestDrawnEvenly: of a stratum, the late are drawn as often as the early,
// though its room was narrowed meanwhile.
func TestDrawnEvenly(t *testing.T) {
	var quarters [4]float64
	for seed := range uint64(20) {
		list := offered(1000, seed, 20_000).finish()
		for i := range list {
			quarters[int(list[i].moment.Time.Sub(epoch)/time.Second)/5000]++
		}
	}
	for q, n := range quarters {
		if n < 2250 || n > 2750 { // 2500 ± 5 standard deviations
			t.Errorf("quarter %d of the stream: %v drawn; want about 2500", q, n)
		}
	}
}

// TestFatesAreToldInTheStream: what streams by is told the same fates and
// onsets as what is seen as a whole.
func TestFatesAreToldInTheStream(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 5 * time.Second, 15 * time.Second} {
		set := world{service: "s", endpoints: 4, moments: 3000, seed: 7, failures: true}.set()
		h := &set.Histories[0]
		timing := set.Timing
		timing.Step, timing.Range = step, 2*step
		for i := range h.Moments {
			h.Moments[i].Time = epoch.Add(time.Duration(i) * step)
		}
		h.Split = datasets.Split{Start: epoch, TrainEnd: h.Moments[1500].Time, ValidationStart: h.Moments[1600].Time, ValidationEnd: h.Moments[2000].Time, TestStart: h.Moments[2100].Time, End: h.Moments[2999].Time}
		found := map[string]Limits{"s": {Latency: 10, Errors: 0.3}}
		examples, onsets := survivalsOf(h, 0, timing, found, 10)
		want := map[time.Time][]Fate{}
		for i := range h.Moments {
			want[h.Moments[i].Time] = make([]Fate, 4)
		}
		failed := 0
		for _, e := range examples {
			want[e.moment.Time][e.index] = Fate{Watched: true, Failed: e.failed, After: e.after}
			if e.failed {
				failed++
			}
		}
		var count [3]int
		for _, o := range onsets {
			if p := h.Split.Part(o.at); p != datasets.None {
				count[p-datasets.Train]++
			}
		}
		if failed < 50 || count[0] < 10 {
			t.Fatalf("%d before a failure, %v onsets: too few to tell", failed, count)
		}
		told, most := teller{NewWatch(timing, h.Split, found, 10)}, 0
		got := map[time.Time][]Fate{}
		give := func(m *Moment) {
			if len(m.X) == 0 || len(m.After) != 4 {
				t.Fatal("a moment was given away without what it knows")
			}
			got[m.Time] = m.Fates
			for k := range m.Fates {
				got[m.Time][k].Incident = 0 // an example does not say it
			}
		}
		for i := range h.Moments {
			told.push(&h.Moments[i], give)
			most = max(most, len(told.held))
		}
		told.finish(give)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("step %v: %s", step, diff)
		}
		if told.onsets() != count {
			t.Errorf("step %v: %v onsets; want %v", step, told.onsets(), count)
		}
		if bound := int((timing.Horizon+told.lasting)/step) + 2; most > bound {
			t.Errorf("step %v: %d moments were held at once; want at most %d", step, most, bound)
		}
	}
}

// TestMoreThanIsHeld learns from three recordings of which a part is drawn.
func TestMoreThanIsHeld(t *testing.T) {
	const horizon = 30 * time.Second
	source := toy(t, time.Second, horizon)
	cfg := quick()
	cfg.Rows, cfg.Epochs = 1000, 3
	collected := func(seed uint64) *Set {
		t.Helper()
		cfg.Seed = seed
		set, err := CollectAll(t.Context(), cfg, source, source, source)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	set := collected(1)
	rows := map[datasets.Part]int{}
	for h := range set.Histories {
		if drawn := set.Histories[h].Drawn; drawn == nil || drawn.Decisions[0] < 300 {
			t.Fatalf("history %d: drawn %+v", h, drawn)
		}
	}
	for _, part := range parts {
		set.each(part, func(_ int, m *Moment) { rows[part] += len(m.Endpoints) })
	}
	if rows[datasets.Train] < 990 || rows[datasets.Train] > 1000 || rows[datasets.Validation] != 250 || rows[datasets.Test] != 250 {
		t.Errorf("rows %v; want about 1000, 250 and 250", rows)
	}
	if err := set.Validate(); err != nil {
		t.Fatal(err)
	}
	_, r := fit(t, set, cfg)
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "are drawn for training") || !strings.Contains(notes, "low load") {
		t.Errorf("the notes do not say what was drawn: %s", notes)
	}
	same := cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
	same64 := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	if diff := cmp.Diff(set.Histories, collected(1).Histories, same, same64, cmp.AllowUnexported(History{}, Moment{}, recalled{})); diff != "" {
		t.Error("equal seeds draw other moments")
	}
	if set.digest() == collected(2).digest() {
		t.Error("another seed draws the same moments")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CollectAll(ctx, cfg, source); err == nil {
		t.Error("a cancelled walk gave a set")
	}
}

// TestWeightsUndoTheDraw: a rate over what was drawn is that over everything.
func TestWeightsUndoTheDraw(t *testing.T) {
	list := offered(1000, 3, 50_000).finish()
	var examples []example
	for i := range list {
		m := &list[i].moment
		examples = append(examples, example{place: place{m, 0}, failed: int(m.Time.Sub(epoch)/time.Second)%100 == 0})
	}
	if rate := rateOf(examples); math.Abs(rate-0.01) > 1e-9 {
		t.Errorf("the base rate is %v; want 0.01", rate)
	}
	values, weights := []float64{1, 2, 3, 100, 200}, []float64{1, 1, 1, 1, 1}
	if got := median(values, weights); got != 3 {
		t.Errorf("median %v; want 3", got)
	}
	if got := median(values, []float64{100, 100, 100, 0.1, 0.1}); math.Abs(got-2) > 0.3 {
		t.Errorf("weighted median %v; want about 2", got)
	}
}
