package prom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// blocks are TSDB blocks on disk as a storage.Queryable. They are opened
// themselves, not as a database, so that nothing is written beside them and no
// lock is taken: a Prometheus may have them open.
type blocks struct {
	open        []*tsdb.Block
	first, last int64
	interval    time.Duration
	slowest     time.Duration
}

// openFolder opens the blocks at path: path itself or the folders in it.
func openFolder(ctx context.Context, path string) (*Dump, error) {
	b, err := openBlocks(ctx, path)
	if err != nil {
		return nil, err
	}
	d := newDump(b, b.first, b.last, b.interval, b.slowest, b.Close)
	if hasLog(path) {
		d.Notes = append(d.Notes, fmt.Sprintf("%s: samples that are only in the write-ahead log (wal, chunks_head), the newest two to three hours of a server, are not read; to have them too take a snapshot (%s) and give its folder", path, snapshot))
	}
	return d, nil
}

const snapshot = "POST /api/v1/admin/tsdb/snapshot"

// blockFolders lists the blocks at path. What Prometheus is making or deleting
// bears another name and is none.
func blockFolders(path string) ([]string, error) {
	if isBlock(path) {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, e := range entries {
		dir := filepath.Join(path, e.Name())
		if !e.IsDir() || strings.Contains(e.Name(), ".tmp") {
			continue
		}
		if isBlock(dir) {
			folders = append(folders, dir)
		} else if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, errGone)
		}
	}
	if len(folders) > 0 {
		return folders, nil
	}
	if _, err := os.Stat(filepath.Join(path, "wal")); err == nil {
		return nil, fmt.Errorf("%s: %w yet, only a write-ahead log: take a snapshot (%s) and give its folder", path, errNoBlock, snapshot)
	}
	for _, e := range entries {
		if deeper, err := os.ReadDir(filepath.Join(path, e.Name())); err == nil && slices.ContainsFunc(deeper, func(d os.DirEntry) bool { return isBlock(filepath.Join(path, e.Name(), d.Name())) }) {
			return nil, fmt.Errorf("%s: %w, but in %s, for one: give that folder", path, errNoBlock, filepath.Join(path, e.Name()))
		}
	}
	return nil, fmt.Errorf("%s: %w (a block holds a meta.json)", path, errNoBlock)
}

func isBlock(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "meta.json"))
	return err == nil
}

// hasLog reports whether a write-ahead log with something in it lies in dir.
func hasLog(dir string) bool {
	segments, err := os.ReadDir(filepath.Join(dir, "wal"))
	if err != nil {
		return false
	}
	for _, s := range segments {
		if stat, err := s.Info(); s.IsDir() || err == nil && stat.Size() > 0 {
			return true
		}
	}
	return false
}

// attempts bounds how often a folder is listed anew because its blocks changed
// meanwhile: a server compacts a few at a time, hours apart.
const attempts = 5

var (
	errNoBlock = errors.New("no TSDB block in this folder")
	// errGone says that a block was deleted after it had been listed.
	errGone = errors.New("the block was deleted meanwhile")
)

// openBlocks opens all blocks at path. A block that vanishes was most likely
// compacted into another one, and a listing while that happens may have
// neither of them: so the blocks must be the same afterwards.
func openBlocks(ctx context.Context, path string) (*blocks, error) {
	for attempt := 1; ; attempt++ {
		b, err := openListed(ctx, path)
		switch {
		case (errors.Is(err, errGone) || errors.Is(err, errNoBlock)) && attempt < attempts:
			continue
		case err != nil:
			return nil, err
		case b.first > b.last:
			return nil, errors.Join(fmt.Errorf("%s: the blocks hold no sample", path), b.Close())
		}
		return b, nil
	}
}

func openListed(ctx context.Context, path string) (*blocks, error) {
	before, err := blockFolders(path)
	if err != nil {
		return nil, err
	}
	b, err := openEach(ctx, before)
	if err != nil {
		return nil, err
	}
	after, err := blockFolders(path)
	if err == nil && !slices.Equal(before, after) {
		err = fmt.Errorf("%s: %w", path, errGone)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func openEach(ctx context.Context, folders []string) (*blocks, error) {
	folders, err := withoutParents(folders)
	if err != nil {
		return nil, err
	}
	b := &blocks{first: math.MaxInt64, last: math.MinInt64}
	for _, dir := range folders {
		block, err := tsdb.OpenBlock(nil, dir, nil, nil)
		if err != nil {
			return nil, errors.Join(whyNot(dir, err), b.Close())
		}
		b.open = append(b.open, block)
	}
	for _, block := range b.open {
		if err := b.survey(ctx, block); err != nil {
			return nil, errors.Join(damaged(block.Dir(), err), b.Close())
		}
	}
	return b, nil
}

// blockMeta is a block's meta.json, with what Thanos adds.
type blockMeta struct {
	tsdb.BlockMeta
	Thanos struct {
		Downsample struct {
			Resolution int64 `json:"resolution"` // milliseconds; 0: as scraped
		} `json:"downsample"`
	} `json:"thanos"`
}

// withoutParents leaves out the blocks that were compacted into another one of
// them and are not deleted yet, as Prometheus does when it starts.
func withoutParents(folders []string) ([]string, error) {
	parents := map[string]bool{}
	ids := make([]string, len(folders))
	for i, dir := range folders {
		var meta blockMeta
		text, err := os.ReadFile(filepath.Join(dir, "meta.json"))
		if err != nil {
			return nil, whyNot(dir, err)
		}
		if err := json.Unmarshal(text, &meta); err != nil {
			return nil, damaged(filepath.Join(dir, "meta.json"), err)
		}
		if every := time.Duration(meta.Thanos.Downsample.Resolution) * time.Millisecond; every > 0 {
			return nil, fmt.Errorf("%s: Thanos downsampled this block to a sample every %s, of which no rates can be made; move it out of the folder, or ask Thanos itself, with a source file", dir, every)
		}
		ids[i] = meta.ULID.String()
		for _, p := range meta.Compaction.Parents {
			parents[p.ULID.String()] = true
		}
	}
	var kept []string
	for i, dir := range folders {
		if !parents[ids[i]] {
			kept = append(kept, dir)
		}
	}
	return kept, nil
}

// whyNot explains why the block in dir could not be opened.
func whyNot(dir string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return damaged(dir, err)
	}
	if !isBlock(dir) {
		return fmt.Errorf("%s: %w", dir, errGone)
	}
	return fmt.Errorf("%s: %w; the block is incomplete, copy it again", dir, err)
}

// damaged says what to do about a block that could not be read.
func damaged(dir string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return fmt.Errorf("%s: %w; the block is damaged or cut: copy it again, or move it out of the folder", dir, err)
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
