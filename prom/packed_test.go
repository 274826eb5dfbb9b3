package prom

import (
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Chunks are walked through as a list would be, whatever is sought.
func TestPackedIsLikeAList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var reused chunkenc.Iterator
	for range 300 {
		s := &packed{}
		at := int64(0)
		for range random.IntN(4 * chunkLength) {
			at += 1 + random.Int64N(50)
			s.append(point{sample{at, float64(random.IntN(5))}, nil})
		}
		s.close()
		all := s.points()
		if len(all) != s.count {
			t.Fatalf("%d samples, want %d", len(all), s.count)
		}
		reused = s.Iterator(reused)
		want := storage.NewListSeriesIterator(all)
		for sought := int64(-1); ; {
			var a, b chunkenc.ValueType
			if random.IntN(3) == 0 {
				sought += random.Int64N(4000)
				a, b = reused.Seek(sought), want.Seek(sought)
			} else {
				a, b = reused.Next(), want.Next()
			}
			if a != b {
				t.Fatalf("%v, want %v", a, b)
			}
			if a == chunkenc.ValNone {
				break
			}
			at, v := reused.At()
			if wantAt, wantV := want.At(); at != wantAt || v != wantV || reused.AtT() != at {
				t.Fatalf("%v at %d, want %v at %d", v, at, wantV, wantAt)
			}
		}
		if reused.Next() != chunkenc.ValNone || reused.Seek(at) != chunkenc.ValNone || reused.Err() != nil {
			t.Fatal("goes on after its end")
		}
	}
}
