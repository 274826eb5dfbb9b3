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
	h.Schema = finestSchema
	for _, b := range slices.Concat(positive, negative) {
		near, far := away(b)
		schema, ok := schemaOf(near, far)
		if !ok {
			return nil, foreignBucket(b)
		}
		h.Schema = schema
		break
	}
	h.PositiveSpans, h.PositiveBuckets = spans(positive, h.Schema)
	h.NegativeSpans, h.NegativeBuckets = spans(negative, h.Schema)
	if err := h.Validate(); err != nil {
		return nil, fmt.Errorf("no native histogram: %w", err)
	}
	return h, sameBuckets(h, j)
}

// finestSchema is that of a histogram without buckets: one that comes after it
// is no finer, which would look like a counter that was reset.
const finestSchema = 8

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

// schemaOf finds the resolution at which far is the bound after near: each is
// the one before it times 2^(2^-schema).
func schemaOf(near, far float64) (schema int32, ok bool) {
	schema = int32(math.Round(-math.Log2(math.Log2(far) - math.Log2(near))))
	return schema, schema >= -4 && schema <= finestSchema
}

// spans lays out buckets, the nearest to zero first. Buckets that do not
// ascend give nonsense, which sameBuckets finds.
func spans(buckets []*model.HistogramBucket, schema int32) ([]histogram.Span, []float64) {
	var spans []histogram.Span
	var counts []float64
	next := int32(0)
	for i, b := range buckets {
		near, _ := away(b)
		// The bound above index n is 2^(n·2^-schema).
		index := int32(math.Round(math.Ldexp(math.Log2(near), int(schema)))) + 1
		if gap := index - next; i == 0 || gap != 0 {
			spans = append(spans, histogram.Span{Offset: gap})
		}
		spans[len(spans)-1].Length++
		counts = append(counts, float64(b.Count))
		next = index + 1
	}
	return spans, counts
}

// sameBuckets checks that h has, to the last bit, the buckets of the JSON.
func sameBuckets(h *histogram.FloatHistogram, j *model.SampleHistogram) error {
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
