package prom

import (
	"context"
	"math"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// someSeries bounds how many series are read for the scrape interval.
const someSeries = 300

// survey finds the exact span of a block from its index (a block's own bounds
// are rounded) and the scrape interval from some of its series.
func (b *blocks) survey(ctx context.Context, block *tsdb.Block) error {
	ir, err := block.Index()
	if err != nil {
		return err
	}
	defer ir.Close()
	cr, err := block.Chunks()
	if err != nil {
		return err
	}
	defer cr.Close()
	name, every := index.AllPostingsKey()
	postings, err := ir.Postings(ctx, name, every)
	if err != nil {
		return err
	}
	stride := int(block.Meta().Stats.NumSeries)/someSeries + 1
	var builder labels.ScratchBuilder
	var metas []chunks.Meta
	var all [][]int64
	for i := 0; postings.Next(); i++ {
		if err := ir.Series(postings.At(), &builder, &metas); err != nil {
			return err
		}
		for _, m := range metas {
			b.first, b.last = min(b.first, m.MinTime), max(b.last, m.MaxTime)
		}
		if i%stride == 0 && len(metas) > 0 {
			gaps, err := chunkGaps(cr, metas[0])
			if err != nil {
				return err
			}
			all = append(all, gaps)
		}
	}
	usual, slowest := intervals(all)
	b.interval, b.slowest = max(b.interval, usual), max(b.slowest, slowest)
	return postings.Err()
}

func chunkGaps(cr tsdb.ChunkReader, meta chunks.Meta) ([]int64, error) {
	chunk, iterable, err := cr.ChunkOrIterable(meta)
	if err != nil {
		return nil, err
	}
	if chunk != nil {
		iterable = chunk
	}
	var gaps []int64
	it := iterable.Iterator(nil)
	before := int64(math.MinInt64)
	for it.Next() != chunkenc.ValNone {
		if t := it.AtT(); before == math.MinInt64 {
			before = t
		} else {
			gaps = append(gaps, t-before)
			before = t
		}
	}
	return gaps, it.Err()
}
