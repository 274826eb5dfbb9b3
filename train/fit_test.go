package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

func fit(t *testing.T, set *Set, cfg Config) (*model.Model, *Report) {
	t.Helper()
	m, r, err := Fit(context.Background(), set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

// TestOutcomeLearnsTheLoadResponse asks what the latency will be at twice the
// load of now, which no row of the frame says.
func TestOutcomeLearnsTheLoadResponse(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 500, seed: 1}.set()
	start := time.Now()
	m, r := fit(t, set, quick())
	t.Logf("%v, %d epochs, best %d, test: log-RMSE %.3f (persistence %.3f)", time.Since(start), len(r.Routing.Course.Epochs)-1, r.Routing.Course.Best, r.Routing.Test.Mean, r.Routing.Test.MeanPersistence)
	if !r.Routing.Kept {
		t.Errorf("the trained network was not kept: %q", r.Notes)
	}
	if r.Routing.Test.Mean > 0.6*r.Routing.Test.MeanPersistence {
		t.Errorf("log-RMSE of the mean is %v, persistence has %v; want much better", r.Routing.Test.Mean, r.Routing.Test.MeanPersistence)
	}
	p, err := predict.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	worst, n := 0.0, 0
	set.each(datasets.Test, func(_ int, moment *Moment) {
		got := make([]predict.Prediction, len(moment.Endpoints))
		load := make([]float64, len(moment.Endpoints))
		for i := range load {
			load[i] = 2 * moment.Now[i].Rate
		}
		if err := p.Predict(got, set.frame(moment), load); err != nil {
			t.Fatal(err)
		}
		for i := range load {
			now := moment.Now[i].Rate / worldCapacity
			if now < 0.2 || now > 0.4 {
				continue // twice that was not seen
			}
			speed := 1 + 0.5*float64(i)/3
			worst += math.Abs(math.Log(got[i].Mean / (worldLatency(2*now) * speed)))
			n++
		}
	})
	t.Logf("mean |log error| at twice the load: %.3f of %d", worst/float64(n), n)
	if n < 50 || worst/float64(n) > 0.15 {
		t.Errorf("at twice the load the mean is off by a factor of e^%.3f on average (%d cases)", worst/float64(n), n)
	}
}

func TestEqualSeedsGiveEqualModels(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 200, seed: 2, failures: true}.set()
	written := func(kind model.Kind, seed uint64, processors int) []byte {
		t.Helper()
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		cfg := quick()
		cfg.Network, cfg.Seed, cfg.Epochs, cfg.Batch = kind, seed, 3, 64
		m, _ := fit(t, set, cfg)
		var b bytes.Buffer
		if err := model.Write(&b, m); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, kind := range model.Kinds() {
		one := written(kind, 7, 1)
		if !bytes.Equal(one, written(kind, 7, 4)) {
			t.Errorf("%s: the same seed gives another model on more processors", kind)
		}
		if bytes.Equal(one, written(kind, 8, 1)) {
			t.Errorf("%s: another seed gives the same model", kind)
		}
	}
}

// TestShuffledLabelsTeachNothing moves what came after to other moments: if
// features leaked their own answer, some skill would be left. Of five
// shuffles, one may look like skill at 90 %.
func TestShuffledLabelsTeachNothing(t *testing.T) {
	skilled := 0
	for seed := range uint64(5) {
		set := world{service: "s", endpoints: 4, moments: 400, seed: 3}.set()
		var after []*Seen
		for i := range set.Histories[0].Moments {
			for k := range set.Histories[0].Moments[i].After {
				after = append(after, &set.Histories[0].Moments[i].After[k])
			}
		}
		seeded(seed).Shuffle(len(after), func(i, j int) { *after[i], *after[j] = *after[j], *after[i] })
		cfg := quick()
		cfg.Network = model.Softmax
		_, r := fit(t, set, cfg)
		test := r.Routing.Test
		if test.Decisions < 50 {
			t.Fatalf("%d decisions", test.Decisions)
		}
		// The observed shares are no measure here: a shuffled outcome brings
		// its own number of requests with it.
		if test.Ways[byHistory].Low > 0 {
			skilled++
		}
	}
	if skilled > 1 {
		t.Errorf("labels are shuffled, yet %d of 5 networks beat a fixed endpoint", skilled)
	}
}

func TestSoftmaxFindsTheFasterEndpoint(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 400, seed: 4, fixed: true}.set()
	for _, kind := range []model.Kind{model.Softmax, model.Fixed5} {
		cfg := quick()
		cfg.Network = kind
		m, r := fit(t, set, cfg)
		if shares := r.Routing.Test.Ways[byShares]; !(shares.Low > 0) {
			t.Errorf("%s: the network gains %v (%v to %v) on the observed shares; endpoint a is always the fastest", kind, shares.Gain, shares.Low, shares.High)
		}
		if diff := cmp.Diff([]string{"s"}, m.Card.Unidentified); diff != "" {
			t.Errorf("%s: shares never vary: %s", kind, diff)
		}
	}
}

func TestSetsThatCannotTeach(t *testing.T) {
	for _, c := range []struct {
		name string
		set  *Set
		cfg  func(*Config)
		want string
	}{
		{"six routes", world{service: "s", endpoints: 6, moments: 100, seed: 5}.set(), func(c *Config) { c.Network = model.Fixed5 }, "five routes, the service 6 endpoints"},
		{"one endpoint", world{service: "s", endpoints: 1, moments: 100, seed: 5}.set(), func(*Config) {}, "no choice, not trained"},
		{"no epochs", world{service: "s", endpoints: 2, moments: 100, seed: 5}.set(), func(c *Config) { c.Epochs = 0 }, "epochs is 0"},
		{"unknown kind", world{service: "s", endpoints: 2, moments: 100, seed: 5}.set(), func(c *Config) { c.Network = "forest" }, `network is "forest"`},
		{"empty", &Set{Columns: []string{"up"}, Timing: world{service: "s", endpoints: 1, moments: 1}.set().Timing}, func(*Config) {}, "no decisions"},
	} {
		cfg := quick()
		c.cfg(&cfg)
		_, _, err := Fit(context.Background(), c.set, cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want %q", c.name, err, c.want)
		}
	}
}

// TestNoChoiceStillForecasts trains a service with one endpoint: no routing
// network, but a failure forecast.
func TestNoChoiceStillForecasts(t *testing.T) {
	set := world{service: "alone", endpoints: 1, moments: 2500, seed: 6, failures: true}.set()
	m, r := fit(t, set, quick())
	if m.Routing != nil || r.Routing != nil {
		t.Error("a routing network without a choice")
	}
	if m.Failure == nil {
		t.Fatalf("no failure forecast: %q", r.Notes)
	}
	if !strings.Contains(strings.Join(m.Card.Notes, "\n"), "alone: no choice, not trained") {
		t.Errorf("notes %q", m.Card.Notes)
	}
}

// TestFailuresAreForecast: a queue grows for some windows before endpoints
// break down, so there is something to see.
func TestFailuresAreForecast(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 2000, seed: 7, failures: true}.set()
	cfg := quick()
	cfg.Network = model.Softmax
	_, r := fit(t, set, cfg)
	f := r.Failure
	t.Logf("onsets %v rows %v before %v shipped %s: Brier %.4f of %.4f, skill %.3f, AUROC %.3f", f.Onsets, f.Rows, f.Before, f.Courses.Shipped, f.Brier, f.BrierBase, f.Skill, f.AUROC)
	if f.Onsets[2] < 5 || !f.Calibrated {
		t.Fatalf("onsets %v, calibrated %v", f.Onsets, f.Calibrated)
	}
	if f.Skill < 0.2 || f.AUROC < 0.8 {
		t.Errorf("Brier skill %v, AUROC %v", f.Skill, f.AUROC)
	}
}

func TestFailuresWithoutSignsAreNot(t *testing.T) {
	set := world{service: "s", endpoints: 4, moments: 1500, seed: 8, failures: true}.set()
	column, err := set.column("queue_ratio")
	if err != nil {
		t.Fatal(err)
	}
	random := seeded(1)
	for i := range set.Histories[0].Moments {
		m := &set.Histories[0].Moments[i]
		for k := range m.Endpoints {
			m.row(k, len(set.Columns))[column] = float32(random.NormFloat64())
		}
	}
	cfg := quick()
	cfg.Network = model.Softmax
	_, r := fit(t, set, cfg)
	if r.Failure.Skill > 0.1 {
		t.Errorf("nothing announces the failures, yet the Brier skill is %v", r.Failure.Skill)
	}
}

func TestRunawayKeepsTheLastGoodNetwork(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 200, seed: 9}.set()
	cfg := quick()
	cfg.LearningRate = 1e25
	m, r := fit(t, set, cfg)
	if !strings.Contains(r.Routing.Course.Stop, "epoch 2, step") || !strings.Contains(r.Routing.Course.Stop, "epoch 0 is kept") {
		t.Errorf("stopped because %q", r.Routing.Course.Stop)
	}
	if !finite(m.Routing.Layers) {
		t.Error("the network that was kept is not finite")
	}
}

func TestCancelStopsPromptly(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 200, seed: 9}.set()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cfg := quick()
	cfg.Epochs, cfg.Patience = 100_000, 100_000
	epochs := 0
	cfg.Progress = func(string, int, int, float64, float64) {
		epochs++
		if epochs == 2 {
			cancel()
		}
	}
	_, _, err := Fit(ctx, set, cfg)
	if !errors.Is(err, context.Canceled) || epochs != 2 {
		t.Errorf("error %v after %d epochs; want to stop in the third", err, epochs)
	}
}

// TestTwoServices joins a service of six endpoints and one of three: the
// outcome and softmax networks learn both, fixed5 the one that fits.
func TestTwoServices(t *testing.T) {
	six, three := world{service: "six", endpoints: 6, moments: 150, seed: 12}.set(), world{service: "three", endpoints: 3, moments: 150, seed: 13}.set()
	var joined []Moment
	for i := range six.Histories[0].Moments {
		joined = append(joined, six.Histories[0].Moments[i], three.Histories[0].Moments[i])
	}
	six.Histories[0].Moments = joined
	for _, kind := range model.Kinds() {
		cfg := quick()
		cfg.Network, cfg.Epochs = kind, 3
		m, r := fit(t, six, cfg)
		noted := strings.Contains(strings.Join(r.Notes, "\n"), "six: the fixed5 network has five routes")
		if noted != (kind == model.Fixed5) {
			t.Errorf("%s: notes %q", kind, r.Notes)
		}
		if kind == model.Fixed5 {
			if diff := cmp.Diff([]string{"a", "b", "c", "", ""}, m.Routing.Routes); diff != "" {
				t.Error(diff)
			}
		} else if decisions := r.Routing.Test.Decisions; decisions != r.Parts[0].Test {
			t.Errorf("%s: %d decisions judged of %d", kind, decisions, r.Parts[0].Test)
		}
	}
}

func TestConcurrentFits(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 150, seed: 14}.set()
	cfg := quick()
	cfg.Epochs = 2
	models := make([]*model.Model, 3)
	done := make(chan error)
	for i := range models {
		go func() {
			var err error
			models[i], _, err = Fit(context.Background(), set, cfg)
			done <- err
		}()
	}
	for range models {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range models[1:] {
		if diff := cmp.Diff(models[0].Routing.Layers, m.Routing.Layers); diff != "" {
			t.Error("concurrent fits differ")
		}
	}
}

// TestDeadErrorRatio: a success ratio of zero everywhere is a metric that
// nobody writes, not a service that always fails.
func TestDeadErrorRatio(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 200, seed: 15}.set()
	column, err := set.column("error_ratio")
	if err != nil {
		t.Fatal(err)
	}
	for i := range set.Histories[0].Moments {
		m := &set.Histories[0].Moments[i]
		for k := range m.Endpoints {
			m.Now[k].ErrorRatio, m.After[k].ErrorRatio = 1, 1
			m.row(k, len(set.Columns))[column] = 1
		}
	}
	cfg := quick()
	cfg.Epochs = 3
	m, r := fit(t, set, cfg)
	if got := strings.Join(r.Notes, "\n"); !strings.Contains(got, "s: error_ratio never changes and is not zero") {
		t.Errorf("notes %q", got)
	}
	if m.Routing == nil || r.Failure.Onsets != [3]int{} {
		t.Errorf("a dead metric made %v onsets", r.Failure.Onsets)
	}
	if slices.Contains(m.Routing.Columns, "error_ratio") {
		t.Error("a constant column is an input")
	}
}
