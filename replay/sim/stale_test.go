package sim

import (
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router"
)

// TestStale: metrics that are 20 service times apart, 50 proxies. Windows of two
// scrapes are 1.5 T old when they are used, on average, and a board of the papers
// T/2: their model at T = 60 has some 14 for two choices on the board and 8 for
// load interpretation (by its figures at 20 and 50), and random has 10 at any age. Who herds is above
// that, and who knows the age of what it sees is below.
func TestStale(t *testing.T) {
	s := builtinScenario(t, "stale-20-50")
	s.WarmUp, s.Duration = 40*time.Second, 120*time.Second
	for _, c := range []struct {
		name        string
		least, most float64 // mean response in service times
	}{
		{"random", 8.5, 11.5},
		{"board_power_of_two", 11, 16},
		{"board_own_power_of_two", 7, 10},
		{"load_interpretation", 7, 9.8},
		{"ewma_weights", 50, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			strategy, err := router.StrategyNamed(c.name, nil, nil, router.DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			got := runOne(t, s, 1, strategy).Mean / s.Work.Mean.Seconds()
			t.Logf("mean response %.2f service times", got)
			if !(got >= c.least && got <= c.most) {
				t.Errorf("mean response %.2f service times; want %v to %v", got, c.least, c.most)
			}
		})
	}
}
