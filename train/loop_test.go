package train

import (
	"context"
	"fmt"
	"testing"
)

func BenchmarkLoop(b *testing.B) {
	for _, batch := range []int{32, 256, 1024} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			cfg := DefaultConfig()
			cfg.Batch = batch
			const rows = 8192
			l, err := NewLoop([]int{20, 128, 64, 32, 5}, rows, cfg)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if _, err := l.Epoch(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "samples/s")
		})
	}
}
