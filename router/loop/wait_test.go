package loop

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// BenchmarkKnowMeanwhile is how long it takes until a snapshot is served that comes while the windows of 500
// services of 10 are worked upon, at a fifth, two, three and four fifths of that work.
func BenchmarkKnowMeanwhile(b *testing.B) {
	w := newWorld(b, nil, Change{}, nil)
	services := fleet(500, 10)
	w.know(services...)
	w.all(services)
	began := time.Now()
	const rounds = 5
	for range rounds {
		w.all(services)
	}
	round := time.Since(began) / rounds
	both := []*discovery.Snapshot{flip(services, discovery.NotReady), flip(services, discovery.Ready)}
	flips := 0
	for fifths := 1; fifths < 5; fifths++ {
		b.Run(fmt.Sprint("after=", fifths, "/5"), func(b *testing.B) {
			var waited time.Duration
			for b.Loop() {
				var work sync.WaitGroup
				work.Go(func() { w.all(services) })
				time.Sleep(round * time.Duration(fifths) / 5)
				at := time.Now()
				w.Know(both[flips%2])
				for served := flips%2 == 1; ; {
					changed := w.Table().Changed()
					if w.Table().Load("s0").Weigh(&mesh.Request{}).Weights[0] > 0 == served {
						break
					}
					<-changed
				}
				waited += time.Since(at)
				flips++
				work.Wait()
			}
			b.ReportMetric(float64(waited.Microseconds())/float64(b.N), "µs-until-served/op")
			b.ReportMetric(0, "ns/op")
		})
	}
}
