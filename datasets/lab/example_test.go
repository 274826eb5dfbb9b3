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
	// 1m31s to 4m28s  checkout-1  leak             4.1
	// 1m46s to 2m22s  catalog-2   error_burst      0.29
	//  3m0s to 3m30s  catalog-3   fast_failure     0.77
	// 5m12s to 5m42s  catalog-3   crash            1
	// 5m15s to 5m57s  checkout-6  noisy_neighbour  0.8
	// 6m33s to 8m18s  checkout-4  slowdown         5.1
	// 7m55s to 9m36s  catalog-5   leak_decoy       1.8
	// 8m50s to 9m44s  checkout-6  decoy            2
}
