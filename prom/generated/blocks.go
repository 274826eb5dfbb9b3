package generated

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// blockLength is the span of a block before a Prometheus compacts it.
const blockLength = 2 * time.Hour

// chunkLength is how many samples a Prometheus puts into a chunk.
const chunkLength = 120

// WriteBlocks writes the mesh into directory as TSDB blocks of two hours.
func (m Mesh) WriteBlocks(ctx context.Context, directory string) error {
	w := blockWriter{mesh: m, ids: rand.New(rand.NewPCG(m.Seed, 0))}
	for number := range m.Endpoints {
		w.endpoints = append(w.endpoints, newEndpoint(m.Seed, number))
		for column, l := range seriesOf(number) {
			w.series = append(w.series, position{l, number, column})
		}
	}
	slices.SortFunc(w.series, func(a, b position) int { return labels.Compare(a.labels, b.labels) })
	for first := 0; first < m.scrapes(); {
		start := m.Start.Add(time.Duration(first) * m.Scrape)
		until := start.Truncate(blockLength).Add(blockLength)
		n := min(m.scrapes()-first, int((until.Sub(start)+m.Scrape-1)/m.Scrape))
		if err := errors.Join(ctx.Err(), w.block(ctx, directory, start, n)); err != nil {
			return err
		}
		first += n
	}
	return nil
}

// position is where the values of a series are.
type position struct {
	labels   labels.Labels
	endpoint int
	column   int
}

type blockWriter struct {
	mesh      Mesh
	ids       *rand.Rand
	endpoints []*endpoint
	series    []position // sorted
}

// Read makes the identifiers of the blocks.
func (w *blockWriter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(w.ids.Uint32())
	}
	return len(p), nil
}

func (w *blockWriter) block(ctx context.Context, directory string, start time.Time, n int) (err error) {
	values := make([][]float64, len(w.endpoints))
	for i, e := range w.endpoints {
		for range n {
			values[i] = e.scrape(values[i], w.mesh.Scrape)
		}
	}
	meta := tsdb.BlockMeta{Version: 1, MinTime: start.UnixMilli(), MaxTime: start.Add(time.Duration(n-1)*w.mesh.Scrape).UnixMilli() + 1}
	if meta.ULID, err = ulid.New(ulid.Timestamp(start), w); err != nil {
		return err
	}
	meta.Compaction = tsdb.BlockMetaCompaction{Level: 1, Sources: []ulid.ULID{meta.ULID}}
	directory = filepath.Join(directory, meta.ULID.String())
	if err := os.MkdirAll(filepath.Join(directory, "chunks"), 0o755); err != nil {
		return err
	}
	into, err := index.NewWriter(ctx, filepath.Join(directory, "index"))
	if err != nil {
		return err
	}
	samples, err := chunks.NewWriter(filepath.Join(directory, "chunks"))
	if err != nil {
		return errors.Join(err, into.Close())
	}
	err = w.write(into, samples, values, start, n, &meta.Stats)
	if err := errors.Join(err, samples.Close(), into.Close()); err != nil {
		return err
	}
	text, err := json.MarshalIndent(&meta, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "meta.json"), text, 0o644)
}

func (w *blockWriter) write(into *index.Writer, samples *chunks.Writer, values [][]float64, start time.Time, n int, stats *tsdb.BlockStats) error {
	for _, symbol := range w.symbols() {
		if err := into.AddSymbol(symbol); err != nil {
			return err
		}
	}
	width := len(seriesOf(0))
	for number, s := range w.series {
		metas, err := compress(start, w.mesh.Scrape, n, func(i int) float64 { return values[s.endpoint][i*width+s.column] })
		if err != nil {
			return err
		}
		if err := samples.WriteChunks(metas...); err != nil {
			return err
		}
		if err := into.AddSeries(storage.SeriesRef(number), s.labels, metas...); err != nil {
			return err
		}
		stats.NumChunks += uint64(len(metas))
	}
	stats.NumSeries = uint64(len(w.series))
	stats.NumSamples = uint64(len(w.series) * n)
	stats.NumFloatSamples = stats.NumSamples
	return nil
}

func (w *blockWriter) symbols() []string {
	var all []string
	for _, s := range w.series {
		s.labels.Range(func(l labels.Label) { all = append(all, l.Name, l.Value) })
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// compress makes the chunks of one series.
func compress(start time.Time, scrape time.Duration, n int, value func(int) float64) ([]chunks.Meta, error) {
	var metas []chunks.Meta
	var into chunkenc.Appender
	for i := range n {
		at := start.Add(time.Duration(i) * scrape).UnixMilli()
		if i%chunkLength == 0 {
			chunk := chunkenc.NewXORChunk()
			var err error
			if into, err = chunk.Appender(); err != nil {
				return nil, err
			}
			metas = append(metas, chunks.Meta{Chunk: chunk, MinTime: at})
		}
		into.Append(0, at, value(i))
		metas[len(metas)-1].MaxTime = at
	}
	return metas, nil
}
