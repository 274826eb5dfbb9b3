package lab_test

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// What will go wrong is drawn from the seed, before anything runs.
func Example() {
	cfg := lab.DefaultConfig()
	cfg.Duration, cfg.Seed = 10*time.Minute, 7
	faults, err := cfg.Schedule()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range faults {
		fmt.Printf("%5v to %5v  %-10s  %-15s  %.2g\n", f.Start.Round(time.Second), f.End().Round(time.Second), f.Endpoint, f.Kind, f.Severity)
	}
	// Output:
	//  2m1s to 2m22s  checkout-1  crash            1
	// 2m15s to 3m48s  catalog-4   noisy_neighbour  0.75
	// 2m48s to 4m13s  checkout-4  fast_failure     0.71
	// 4m51s to  6m5s  catalog-1   decoy            2
	//  5m4s to  6m4s  checkout-1  slowdown         5.1
	//  7m9s to 8m21s  catalog-2   error_burst      0.42
}
