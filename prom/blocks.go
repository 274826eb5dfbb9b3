package prom

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// blocks are TSDB blocks on disk as a storage.Queryable. They are opened
// themselves, not as a database, so that nothing is written beside them.
type blocks struct {
	open        []*tsdb.Block
	first, last int64
	interval    time.Duration
	slowest     time.Duration
}

// blockFolders lists the blocks at path: path itself or the folders in it.
func blockFolders(path string) ([]string, error) {
	isBlock := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "meta.json"))
		return err == nil
	}
	if isBlock(path) {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, e := range entries {
		if dir := filepath.Join(path, e.Name()); e.IsDir() && isBlock(dir) {
			folders = append(folders, dir)
		}
	}
	if len(folders) > 0 {
		return folders, nil
	}
	if _, err := os.Stat(filepath.Join(path, "wal")); err == nil {
		return nil, fmt.Errorf("%s: holds a write-ahead log but no block yet: take a snapshot (POST /api/v1/admin/tsdb/snapshot) and give its folder", path)
	}
	return nil, fmt.Errorf("%s: no TSDB block in this folder (a block holds a meta.json)", path)
}

func openBlocks(ctx context.Context, path string) (*blocks, error) {
	folders, err := blockFolders(path)
	if err != nil {
		return nil, err
	}
	b := &blocks{first: math.MaxInt64, last: math.MinInt64}
	for _, dir := range folders {
		block, err := tsdb.OpenBlock(nil, dir, nil, nil)
		if err == nil {
			b.open = append(b.open, block)
			err = b.survey(ctx, block)
		}
		if err != nil {
			hint := ""
			if errors.Is(err, fs.ErrNotExist) {
				hint = "; the block is incomplete, copy it again"
			}
			return nil, errors.Join(fmt.Errorf("%s: %w%s", dir, err, hint), b.Close())
		}
	}
	if b.first > b.last {
		return nil, errors.Join(fmt.Errorf("%s: the blocks hold no sample", path), b.Close())
	}
	return b, nil
}

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
	var all, own []int64
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
			all = append(all, gaps...)
			own = append(own, median(gaps))
		}
	}
	usual := median(all)
	longest := usual
	for _, interval := range own {
		longest = max(longest, interval)
	}
	b.interval = max(b.interval, time.Duration(usual)*time.Millisecond)
	b.slowest = max(b.slowest, time.Duration(longest)*time.Millisecond)
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

// Querier implements storage.Queryable.
func (b *blocks) Querier(first, last int64) (storage.Querier, error) {
	var within []storage.Querier
	for _, block := range b.open {
		meta := block.Meta()
		if meta.MaxTime < first || meta.MinTime > last {
			continue
		}
		q, err := tsdb.NewBlockQuerier(block, first, last)
		if err != nil {
			for _, open := range within {
				err = errors.Join(err, open.Close())
			}
			return nil, err
		}
		within = append(within, q)
	}
	return storage.NewMergeQuerier(within, nil, storage.ChainedSeriesMerge), nil
}

func (b *blocks) Close() error {
	var err error
	for _, block := range b.open {
		err = errors.Join(err, block.Close())
	}
	return err
}
