package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// WriteBlock writes the samples as one TSDB block, flushed to the disk, into a
// folder in dir, and returns the folder's path. Nothing else in dir is of use
// afterwards, also not after an error; tsdb's own BlockWriter would leave that
// in the system's folder for temporary files whenever the process is killed.
func (r *Raw) WriteBlock(ctx context.Context, dir string) (block string, err error) {
	// The head takes only samples of its newer half: be it twice as long.
	times := r.Times()
	if len(times) == 0 {
		return "", errors.New("no sample to write")
	}
	first, last := times[0], times[len(times)-1]
	length := 2 * (last - first + 1)
	options := tsdb.DefaultHeadOptions()
	options.ChunkRange, options.ChunkDirRoot, options.StripeSize = length, dir, 1<<10
	head, err := tsdb.NewHead(nil, slog.New(slog.DiscardHandler), nil, nil, options, tsdb.NewHeadStats())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, head.Close()) }()
	if err := head.Init(math.MinInt64); err != nil {
		return "", err
	}
	for _, s := range r.series {
		if err := s.appendTo(head.Appender(ctx)); err != nil {
			return "", fmt.Errorf("%s: %w", s.labels, err)
		}
	}
	c, err := newCompactor(ctx, length)
	if err != nil {
		return "", err
	}
	written, err := c.Write(dir, head, first, last+1, nil)
	if err == nil && len(written) != 1 {
		err = fmt.Errorf("%d blocks were written; want one", len(written))
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, written[0].String()), nil
}

func (s *pulled) appendTo(to storage.Appender) error {
	var at storage.SeriesRef
	var err error
	for _, x := range s.samples {
		if at, err = to.Append(at, s.labels, x.t, x.v); err != nil {
			return errors.Join(err, to.Rollback())
		}
	}
	return to.Commit()
}

// MergeBlocks writes one block with the samples of several into dir, and
// returns its path. The blocks themselves stay; the new one names them as its
// parents.
func MergeBlocks(ctx context.Context, dir string, blocks []string) (string, error) {
	c, err := newCompactor(ctx, (2 * time.Hour).Milliseconds())
	if err != nil {
		return "", err
	}
	written, err := c.Compact(dir, blocks, nil)
	if err == nil && len(written) != 1 {
		err = fmt.Errorf("merging gave %d blocks; want one", len(written))
	}
	if err != nil {
		return "", err
	}
	merged, err := ReadBlock(filepath.Join(dir, written[0].String()))
	if err != nil {
		return "", err
	}
	for _, path := range blocks {
		parent, err := ReadBlock(path)
		if err != nil {
			return "", err
		}
		merged.Samples -= parent.Samples
	}
	if merged.Samples != 0 {
		return "", fmt.Errorf("merging %d blocks changed the number of samples by %d: do they overlap, or is one damaged? promtool tsdb analyze tells", len(blocks), merged.Samples)
	}
	return merged.Path, nil
}

func newCompactor(ctx context.Context, length int64) (*tsdb.LeveledCompactor, error) {
	return tsdb.NewLeveledCompactor(ctx, nil, slog.New(slog.DiscardHandler), []int64{length}, chunkenc.NewPool(), mergeSamples)
}

// mergeSamples puts the samples of one series, of blocks that follow each
// other, into new chunks: blocks of a minute have chunks of a few samples.
func mergeSamples(all ...storage.ChunkSeries) storage.ChunkSeries {
	return &storage.ChunkSeriesEntry{
		Lset: all[0].Labels(),
		ChunkIteratorFn: func(chunks.Iterator) chunks.Iterator {
			var one []storage.Series
			for _, s := range all {
				one = append(one, decoded{s})
			}
			return storage.NewSeriesToChunkEncoder(storage.ChainedSeriesMerge(one...)).Iterator(nil)
		},
	}
}

// decoded is a series of chunks as one of samples.
type decoded struct{ storage.ChunkSeries }

func (d decoded) Labels() labels.Labels { return d.ChunkSeries.Labels() }

func (d decoded) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	var all points
	for metas := d.ChunkSeries.Iterator(nil); metas.Next(); {
		it := metas.At().Chunk.Iterator(nil)
		for it.Next() == chunkenc.ValFloat {
			t, v := it.At()
			all = append(all, point{sample{t, v}, nil})
		}
	}
	return storage.NewListSeriesIterator(all)
}

// Block is what a block says of itself.
type Block struct {
	Path        string
	First, Last time.Time // of its samples
	Samples     int64
	Parents     []string // names of the blocks that it was merged from
}

// ReadBlock reads what the block at path says of itself.
func ReadBlock(path string) (Block, error) {
	meta, err := readMeta(path)
	if err != nil {
		return Block{}, fmt.Errorf("%s: %w", path, err)
	}
	b := Block{Path: path, First: time.UnixMilli(meta.MinTime).UTC(), Last: time.UnixMilli(meta.MaxTime - 1).UTC(), Samples: int64(meta.Stats.NumSamples)}
	for _, p := range meta.Compaction.Parents {
		b.Parents = append(b.Parents, p.ULID.String())
	}
	return b, nil
}

// Lock makes the caller the only one who holds the file at path, until it
// releases it or its process ends.
func Lock(path string) (release func() error, err error) {
	held, _, err := fileutil.Flock(path)
	if err != nil {
		return nil, err
	}
	return held.Release, nil
}
