package nab

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/fairway-mesh/fairway/anomaly"
)

// Report is what the detector of this module, as fairway detect runs it, comes
// to on a copy of the benchmark.
type Report struct {
	Series, Windows int
	Days            float64 // of all series

	// Scores of the three profiles, with the threshold that is best on the
	// labels: the benchmark's own rule.
	Standard, LowFP, LowFN Outcome
	// Fixed is the standard profile at an anomaly score of 0.5, chosen on no
	// label of the run.
	Fixed Outcome
	// CrossFit is the standard score with alarm line and rest chosen on one half
	// of the series and judged on the other: mean, worst and best of Draws.
	CrossFit, CrossFitWorst, CrossFitBest float64
	Draws                                 int
	// Gaussian is the standard score of WindowedGaussian, to check the scorer.
	Gaussian float64
}

// Outcome is a score and what it means to whoever is on call.
type Outcome struct {
	Score     float64
	Threshold float64
	Hit       int     // windows
	False     int     // alerts outside of all windows
	PerDay    float64 // of those, per series
	Precision float64 // windows hit over those and the false alerts
}

const (
	draws = 100
	seed  = 1
)

// lines and rests are what CrossFit chooses from.
var (
	lines = []float64{1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8}
	rests = []int{50, 75, 100, 150}
)

// Evaluate runs the detector over the benchmark in dir. It takes some ten
// seconds of both processors; the context ends it.
func Evaluate(ctx context.Context, dir string) (Report, error) {
	corpus, err := Load(dir)
	if err != nil {
		return Report{}, err
	}
	pooled, err := surprises(ctx, corpus)
	if err != nil {
		return Report{}, fmt.Errorf("nab: %w", err)
	}
	r := Report{Series: len(corpus), Draws: draws}
	for i := range corpus {
		r.Windows += len(corpus[i].Windows)
		r.Days += corpus[i].Days()
	}
	scores := alarms(pooled, anomaly.DefaultAlarmConfig())
	r.Standard = r.outcome(Standard, Standard.Sweep(corpus, scores))
	r.LowFP = r.outcome(LowFP, LowFP.Sweep(corpus, scores))
	r.LowFN = r.outcome(LowFN, LowFN.Sweep(corpus, scores))
	r.Fixed = r.outcome(Standard, Standard.All(corpus, scores, 0.5))
	var choices [][][]float64
	for _, line := range lines {
		for _, rest := range rests {
			choices = append(choices, alarms(pooled, anomaly.AlarmConfig{Line: line, Rest: rest}))
		}
	}
	r.CrossFit, r.CrossFitWorst, r.CrossFitBest = Standard.CrossFit(corpus, choices, 0.5, draws, rand.New(rand.NewPCG(seed, seed)))
	gaussian := make([][]float64, len(corpus))
	for i := range corpus {
		gaussian[i] = WindowedGaussian(&corpus[i])
	}
	r.Gaussian = Standard.Final(Standard.Sweep(corpus, gaussian))
	return r, ctx.Err()
}

func (r *Report) outcome(p Profile, t Tally) Outcome {
	return Outcome{
		Score: p.Final(t), Threshold: t.Threshold, Hit: t.Hit, False: t.False,
		PerDay: float64(t.False) / r.Days, Precision: float64(t.Hit) / math.Max(float64(t.Hit+t.False), 1),
	}
}

// surprises shows each series to a detector of its own.
func surprises(ctx context.Context, corpus []Series) ([][]float64, error) {
	pooled := make([][]float64, len(corpus))
	var group sync.WaitGroup
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range corpus {
		places <- struct{}{}
		group.Go(func() {
			pooled[i] = watch(ctx, &corpus[i])
			<-places
		})
	}
	group.Wait()
	return pooled, ctx.Err()
}

// watch is the pooled surprise of each row.
func watch(ctx context.Context, s *Series) []float64 {
	detector, pooled, row := anomaly.NewDetector(1, anomaly.DefaultAlarmConfig()), make([]float64, len(s.Values)), make([]float64, 1)
	for i, v := range s.Values {
		if ctx.Err() != nil {
			return pooled
		}
		row[0] = v
		pooled[i] = detector.Push(s.Times[i], row).Pooled
	}
	return pooled
}

// alarms is the score of each row of each series.
func alarms(pooled [][]float64, cfg anomaly.AlarmConfig) [][]float64 {
	scores := make([][]float64, len(pooled))
	for i := range pooled {
		var alarm anomaly.Alarm
		scores[i] = make([]float64, len(pooled[i]))
		for k, p := range pooled[i] {
			scores[i][k], _ = alarm.Ring(p, cfg)
		}
	}
	return scores
}
