package replay

import (
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/ope"
)

func requests(rows []datasets.Request) iter.Seq2[datasets.Request, error] {
	return func(yield func(datasets.Request, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// drawn logs requests that were sent by the given probabilities: endpoint i
// answers after 20 ms · 2^i on average.
func drawn(service string, n int, probabilities []float64, seed uint64) []datasets.Request {
	random := rand.New(rand.NewPCG(seed, 2))
	var rows []datasets.Request
	for i := range n {
		u, e := random.Float64(), 0
		for u > probabilities[e] && e < len(probabilities)-1 {
			u -= probabilities[e]
			e++
		}
		rows = append(rows, datasets.Request{
			Time: start.Add(time.Duration(float64(i) / float64(n) * float64(10*time.Minute))), Service: service,
			Endpoint: "e" + strconv.Itoa(e), Propensity: probabilities[e], Status: 200,
			Latency: time.Duration(random.ExpFloat64() * 0.02 * math.Pow(2, float64(e)) * float64(time.Second)),
		})
	}
	return rows
}

func TestRecordedSharesGiveThePlainMean(t *testing.T) {
	shares := mesh.Weights{0.5, 0.3, 0.2}
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{"same", shares}, fixed{name: "equal"})
	log := drawn("shop", 20000, shares, 1)
	log[7].Status = 503
	if err := trace.Weigh(requests(log)); err != nil {
		t.Fatal(err)
	}
	total, failed := 0.0, 0.0
	for i := range log {
		cost, _, f := worth(&log[i], mesh.DefaultObjective())
		total += cost / float64(len(log))
		failed += f / float64(len(log))
	}
	rows := trace.Table().Requests[0].Rows
	if len(rows) != 3 || rows[2].Policy != AsRecorded {
		t.Fatalf("rows %+v; want the two policies and as recorded", rows)
	}
	for _, row := range []RequestRow{rows[0], rows[2]} {
		near(t, row.Policy+" cost", float64(row.Cost.Value), total, 1e-9)
		near(t, row.Policy+" errors", float64(row.Errors.Value), failed, 1e-12)
		near(t, row.Policy+" effective sample", float64(row.SampleSize), float64(len(log)), 1e-6)
		for _, e := range []ope.Estimator{ope.IPS, ope.SNIPS, ope.SNDR} {
			near(t, row.Policy+" "+e.String(), float64(row.Estimators[e].Cost.Value), total, 0.0005)
		}
	}
}

func TestWeighingFindsAnotherPolicysValue(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"})
	if err := trace.Weigh(requests(drawn("shop", 60000, []float64{0.6, 0.3, 0.1}, 5))); err != nil {
		t.Fatal(err)
	}
	row := trace.Table().Requests[0].Rows[0]
	want := (0.02 + 0.04 + 0.08) / 3
	near(t, "cost", float64(row.Cost.Value), want, 0.002)
	if float64(row.Cost.Low) > want || float64(row.Cost.High) < want {
		t.Errorf("interval [%v, %v] misses %v", row.Cost.Low, row.Cost.High, want)
	}
	near(t, "mean weight", float64(row.MeanWeight), 1, 0.02)
	for _, e := range ope.Estimators {
		v := row.Estimators[e].Cost
		if e == ope.DM { // the metrics say 20, 25 and 80 ms, and a failure now and then
			near(t, "DM", float64(v.Value), 0.048, 0.001)
			continue
		}
		near(t, e.String(), float64(v.Value), want, 0.002)
		if float64(v.Low) > want || float64(v.High) < want {
			t.Errorf("%v: interval [%v, %v] misses %v", e, v.Low, v.High, want)
		}
	}
	if row.Estimators[ope.SNIPS].Cost != row.Cost || row.Estimators[ope.SNIPS].Errors != row.Errors {
		t.Errorf("SNIPS %+v is not the row's %+v", row.Estimators[ope.SNIPS], row.Cost)
	}
	// The p99 of the mixture of the three exponentials, by bisection.
	low, high := 0.0, 10.0
	for range 60 {
		x := (low + high) / 2
		if (math.Exp(-x/0.02)+math.Exp(-x/0.04)+math.Exp(-x/0.08))/3 > 0.01 {
			low = x
		} else {
			high = x
		}
	}
	near(t, "p99", float64(row.P99.Value), low, 0.05*low)
}

func TestPropensitiesAreNotInvented(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"})
	log := drawn("shop", 3000, []float64{0.4, 0.3, 0.3}, 1)
	for i := range log {
		if i%3 == 0 {
			log[i].Propensity = nan
		}
	}
	log[1].Endpoint = "stranger"
	log[2].Time = start.Add(-time.Second)
	log[4].Time = start.Add(24 * time.Hour)
	log[5].Service = "another"
	if err := trace.Weigh(requests(log)); err != nil {
		t.Fatal(err)
	}
	table := trace.Table()
	s := table.Requests[0]
	if s.Requests != 1997 || s.Unknown != 1000 || s.Strangers != 1 {
		t.Errorf("%d used, %d without a propensity, %d strangers; want 1997, 1000, 1", s.Requests, s.Unknown, s.Strangers)
	}
	text := strings.Join(table.Warnings, "\n")
	for _, want := range []string{"1000 logged requests have no propensity", "1 of 1997 logged requests went to endpoints that the metrics do not name"} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning %q in:\n%s", want, text)
		}
	}
}

func TestASmallEffectiveSampleIsRefused(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{"third", mesh.Weights{0, 0, 1}}, fixed{name: "equal"})
	if err := trace.Weigh(requests(drawn("shop", 2000, []float64{0.6, 0.37, 0.03}, 1))); err != nil {
		t.Fatal(err)
	}
	rows := trace.Table().Requests[0].Rows
	if rows[0].Refused == "" || !math.IsNaN(float64(rows[0].Cost.Value)) || rows[0].Clipped == 0 {
		t.Errorf("row %+v; want it refused, with clipped weights", rows[0])
	}
	if !strings.HasPrefix(rows[1].Refused, "p99:") || math.IsNaN(float64(rows[1].Cost.Value)) || !math.IsNaN(float64(rows[1].P99.Value)) {
		t.Errorf("row %+v; want its p99 refused and its mean given", rows[1])
	}
}

func TestABadLogIsNamed(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 20, 1), fixed{name: "equal"})
	broken := errors.New("requests.csv.gz:9: broken")
	err := trace.Weigh(func(yield func(datasets.Request, error) bool) { yield(datasets.Request{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("error %v; want the log's", err)
	}
	if trace.Table().Requests != nil {
		t.Error("a log that could not be read has a table")
	}
}
