package threat

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/anomaly"
)

// TestWhyCountsAreNoTrackers: new services come a few at a time, a few times a day.
// To a Tracker, whose past is nearly all zero, each such time is an anomaly; to a
// level with a least scale and a least count none is. So only rates have trackers.
func TestWhyCountsAreNoTrackers(t *testing.T) {
	const day = 86400 / 5
	rng := rand.New(rand.NewPCG(3, 4))
	alarms, anomalies := 0, 0
	for range 20 { // caller-days
		tracker := anomaly.New(1, anomaly.DefaultConfig())
		s, j, was := &Subject{}, &Judge{settings: DefaultSettings()}, false
		for w := range day {
			if rng.Float64() < 6.0/day { // deployments
				for i := range 1 + rng.IntN(4) {
					s.Asked(fmt.Sprint(w, "-", i))
				}
			}
			s.gather(5)
			s.count(w)
			score := tracker.Push(nil, float64(5*w), []float64{float64(s.services.sum)})
			if is := score.Warm && score.Value > 0.5; is && !was {
				alarms++
				was = true
			} else if !is {
				was = false
			}
			if j.readEdges(s, counts{}, &peers{}).Anomaly {
				anomalies++
			}
			s.learn(counts{}, 1, 0)
			s.windows++
		}
	}
	t.Logf("in 20 caller-days with 6 deployments each: trackers raise %d alarms, levels %d", alarms, anomalies)
	if alarms < 20 || anomalies > 0 {
		t.Errorf("trackers raise %d alarms, levels %d; want many, and none", alarms, anomalies)
	}
}
