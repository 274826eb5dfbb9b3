package prom

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
)

// How the JSON of a native histogram says which bounds belong to a bucket.
const (
	upperBelongs = 0 // positive buckets
	lowerBelongs = 1 // negative buckets
	bothBelong   = 3 // the zero bucket
)

// native brings the JSON of a native histogram, which has the bounds of those
// buckets that are not empty, back to the schema and indices from which the
// server made them. Buckets of custom bounds are refused: the JSON leaves out
// the bounds of the empty ones.
func native(j *model.SampleHistogram) (*histogram.FloatHistogram, error) {
	h := &histogram.FloatHistogram{Count: float64(j.Count), Sum: float64(j.Sum)}
	var positive, negative []*model.HistogramBucket
	for _, b := range j.Buckets {
		switch {
		case b == nil:
			return nil, errors.New("a bucket of the native histogram is null")
		case b.Boundaries == bothBelong && b.Lower == -b.Upper:
			h.ZeroThreshold, h.ZeroCount = float64(b.Upper), float64(b.Count)
		case b.Boundaries == upperBelongs && b.Lower > 0:
			positive = append(positive, b)
		case b.Boundaries == lowerBelongs && b.Upper < 0:
			negative = append(negative, b)
		default:
			return nil, foreignBucket(b)
		}
	}
	slices.Reverse(negative) // the JSON ascends, the indices go away from zero
	var why error
	for _, schema := range resolutions(positive, negative) {
		h.Schema = schema
		h.PositiveSpans, h.PositiveBuckets = spans(positive, schema)
		h.NegativeSpans, h.NegativeBuckets = spans(negative, schema)
		if err := sameBuckets(h, j); err == nil {
			return h, nil
		} else if why == nil {
			why = err
		}
	}
	return nil, why
}

const finestSchema, coarsestSchema = 8, -4

// resolutions returns the schemas to try. The first is what the bounds of a
// bucket say: each bound is the one before it times 2^(2^-schema). Others may
// fit where the zero bucket cuts into the only bucket there is. The finest goes
// first, also where there is no bucket: what follows is no finer, which would
// look like a counter that was reset.
func resolutions(positive, negative []*model.HistogramBucket) []int32 {
	var schemas []int32
	for _, side := range [][]*model.HistogramBucket{positive, negative} {
		if len(side) == 0 {
			continue
		}
		near, far := away(side[len(side)-1])
		schema := math.Round(-math.Log2(math.Log2(far) - math.Log2(near)))
		if schema >= coarsestSchema && schema <= finestSchema {
			schemas = append(schemas, int32(schema))
		}
	}
	for schema := int32(finestSchema); schema >= coarsestSchema; schema-- {
		schemas = append(schemas, schema)
	}
	return schemas
}

func foreignBucket(b *model.HistogramBucket) error {
	return fmt.Errorf("a bucket of the native histogram, %s, is not exponential; custom buckets are read from TSDB blocks only", b)
}

// away returns the bounds of a bucket as distances from zero.
func away(b *model.HistogramBucket) (near, far float64) {
	if b.Boundaries == lowerBelongs {
		return -float64(b.Upper), -float64(b.Lower)
	}
	return float64(b.Lower), float64(b.Upper)
}

// spans lays out buckets, the nearest to zero first, at a schema. Bounds that
// do not belong to it give nonsense, which sameBuckets finds.
func spans(buckets []*model.HistogramBucket, schema int32) ([]histogram.Span, []float64) {
	var spans []histogram.Span
	var counts []float64
	next := int32(0)
	for i, b := range buckets {
		// Bucket n reaches up to 2^(n·2^-schema); the last one is unbounded.
		near, far := away(b)
		index := int32(math.Round(math.Ldexp(math.Log2(far), int(schema))))
		if math.IsInf(far, 1) {
			index = int32(math.Round(math.Ldexp(math.Log2(near), int(schema)))) + 1
		}
		if gap := index - next; i == 0 || gap != 0 {
			spans = append(spans, histogram.Span{Offset: gap})
		}
		spans[len(spans)-1].Length++
		counts = append(counts, float64(b.Count))
		next = index + 1
	}
	return spans, counts
}

// sameBuckets checks that h is a histogram and has, to the last bit, the
// buckets of the JSON.
func sameBuckets(h *histogram.FloatHistogram, j *model.SampleHistogram) error {
	if err := h.Validate(); err != nil {
		return fmt.Errorf("no native histogram: %w", err)
	}
	it := h.AllBucketIterator()
	for _, want := range j.Buckets {
		if !it.Next() {
			return foreignBucket(want)
		}
		got := it.At()
		if got.Lower != float64(want.Lower) || got.Upper != float64(want.Upper) || got.Count != float64(want.Count) {
			return foreignBucket(want)
		}
	}
	return nil
}
