package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh/durable"
	"github.com/fairway-mesh/fairway/prom"
)

// merge makes one block of those whose time, a multiple of shard, is over.
func (g *growing) merge(ctx context.Context, shard time.Duration) error {
	for first := 0; first < len(g.blocks); first++ {
		end := g.blocks[first].After.Truncate(shard).Add(shard)
		next := first
		for next < len(g.blocks) && !g.blocks[next].Until.After(end) {
			next++
		}
		if next-first < 2 || g.state.Until.Before(end) {
			continue
		}
		if err := g.mergeOne(ctx, first, next); err != nil {
			return errors.Join(fmt.Errorf("%s: merge blocks: %w", g.dir, err), g.tidy())
		}
	}
	return nil
}

func (g *growing) mergeOne(ctx context.Context, first, next int) error {
	parents := slices.Clone(g.blocks[first:next])
	whole := piece{After: parents[0].After, Until: parents[len(parents)-1].Until}
	var paths []string
	for _, p := range parents {
		paths = append(paths, p.block.Path)
		whole.Gaps = append(whole.Gaps, p.Gaps...)
	}
	path, err := prom.MergeBlocks(ctx, g.path("tmp"), paths)
	if err != nil {
		return err
	}
	if whole.block, err = g.publish(path, whole); err != nil {
		return err
	}
	g.blocks = slices.Replace(g.blocks, first, next, whole)
	for _, p := range parents {
		if err := g.remove(p.block.Path); err != nil {
			return err
		}
	}
	return nil
}

// publish puts a finished block among the others.
func (g *growing) publish(path string, p piece) (prom.Block, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return prom.Block{}, err
	}
	if err := writeSynced(filepath.Join(path, "fairway.json"), append(text, '\n')); err != nil {
		return prom.Block{}, err
	}
	to := g.path("blocks", filepath.Base(path))
	if err := errors.Join(durable.Sync(path), os.Rename(path, to), durable.Sync(g.path("blocks"))); err != nil {
		return prom.Block{}, err
	}
	return prom.ReadBlock(to)
}

// remove takes a block away at once, and then removes it.
func (g *growing) remove(path string) error {
	gone := g.path("tmp", filepath.Base(path))
	if err := os.Rename(path, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// tidy empties tmp.
func (g *growing) tidy() error {
	entries, err := os.ReadDir(g.path("tmp"))
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(g.path("tmp", e.Name())))
	}
	return err
}

func (g *growing) writeJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return g.write(name, append(text, '\n'))
}

// write puts a whole file into the directory, or leaves the former one.
func (g *growing) write(name string, text []byte) error {
	unfinished := g.path("tmp", name)
	if err := writeSynced(unfinished, text); err != nil {
		return err
	}
	return errors.Join(os.Rename(unfinished, g.path(name)), durable.Sync(g.dir))
}

func writeSynced(path string, text []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}
