package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// growing is a recording that is being written, a piece of time after the
// other, and that may be cut off at any instant:
//
//	manifest.json        for readers, written after each piece
//	record.json          what is recorded and until when, written after each piece
//	schema.yaml          a schema that is not built in
//	blocks/NAME/         a TSDB block
//	blocks/NAME/fairway.json   which time the block covers
//	tmp/                 what is not finished; emptied at the start
//	lock                 held by the process that writes
//
// A piece is made in tmp, flushed to the disk, and renamed into blocks: with
// that it is in, with the time that it covers, which is more than the span of
// its samples. record.json only has to know the pieces that have no sample,
// and so no block. The next piece starts where the later of both ends. Blocks
// are merged in tmp too, and renamed; if that is cut off before the parents
// are gone, they still lie beside the block that names them as its parents,
// and are removed at the next start.
type growing struct {
	dir     string
	release func() error
	made    bool // the directory was not there before
	begun   bool // record.json exists
	state   recordState
	blocks  []piece // in order of time
}

func (g *growing) path(parts ...string) string {
	return filepath.Join(append([]string{g.dir}, parts...)...)
}

// openGrowing takes hold of a directory, new, empty, or with a recording that
// was begun here, and tidies up after a process that was killed.
func openGrowing(dir string) (*growing, error) {
	g := &growing{dir: dir}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		g.made = true
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := g.ours(); err != nil {
		return nil, err
	}
	var err error
	if g.release, err = prom.Lock(g.path("lock")); err != nil {
		return nil, fmt.Errorf("%s: does another process record into it? %w", dir, err)
	}
	if err := g.load(); err != nil {
		return nil, errors.Join(err, g.release())
	}
	return g, nil
}

// ours refuses a directory with anything that was not written here.
func (g *growing) ours() error {
	if _, err := os.Stat(g.path("record.json")); err == nil {
		return nil
	}
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains([]string{"lock", "tmp", "blocks", "schema.yaml"}, e.Name()) {
			return fmt.Errorf("%s: holds %s, but no record.json: not begun by fairway record; take another directory", g.dir, e.Name())
		}
	}
	if blocks, err := os.ReadDir(g.path("blocks")); err == nil && len(blocks) > 0 {
		return fmt.Errorf("%s: holds blocks, but no record.json: not begun by fairway record; take another directory", g.dir)
	}
	return nil
}

func (g *growing) load() error {
	if err := os.RemoveAll(g.path("tmp")); err != nil {
		return err
	}
	for _, name := range []string{"tmp", "blocks"} {
		if err := os.MkdirAll(g.path(name), 0o755); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(g.path("record.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &g.state); err != nil {
		return fmt.Errorf("%s:%d: %w", g.path("record.json"), errorLine(text, err), err)
	}
	if g.state.Format != recordFormat {
		return fmt.Errorf("%s: format %q; this version goes on with %q", g.path("record.json"), g.state.Format, recordFormat)
	}
	g.begun = true
	return g.loadBlocks()
}

// loadBlocks finds the blocks, removes those that were merged into another,
// and catches up with pieces of which record.json does not know.
func (g *growing) loadBlocks() error {
	entries, err := os.ReadDir(g.path("blocks"))
	if err != nil {
		return err
	}
	byName := map[string]piece{}
	for _, e := range entries {
		if byName[e.Name()], err = readPiece(g.path("blocks", e.Name())); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		for _, parent := range byName[name].block.Parents {
			if p, ok := byName[parent]; ok {
				delete(byName, parent)
				if err := g.remove(p.block.Path); err != nil {
					return err
				}
			}
		}
	}
	g.blocks = slices.SortedFunc(maps.Values(byName), func(a, b piece) int { return a.After.Compare(b.After) })
	for _, p := range g.blocks {
		if p.Until.After(g.state.Until) {
			g.state.add(p)
		}
	}
	return nil
}

func readPiece(path string) (piece, error) {
	var p piece
	text, err := os.ReadFile(filepath.Join(path, "fairway.json"))
	if err != nil {
		return p, fmt.Errorf("%s: not a block of this recording: %w", path, err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s:%d: %w", filepath.Join(path, "fairway.json"), errorLine(text, err), err)
	}
	p.block, err = prom.ReadBlock(path)
	return p, err
}

// begin makes a new recording. A schema that is not built in is kept in it.
func (g *growing) begin(s recordState, schema []byte) error {
	s.Format, s.Until = recordFormat, s.Start
	if schema != nil {
		s.Schema = "schema.yaml"
		if there, err := os.ReadFile(g.path(s.Schema)); err == nil && !bytes.Equal(there, schema) {
			return fmt.Errorf("%s: holds another schema.yaml; take another directory", g.dir)
		}
		if err := g.write(s.Schema, schema); err != nil {
			return err
		}
	}
	g.state, g.begun = s, true
	return g.save()
}

// schema reads the schema of the recording.
func (g *growing) schema() (*mesh.Schema, error) {
	if _, builtin := prom.Builtin(g.state.Schema); builtin {
		return prom.LoadSchema(g.state.Schema)
	}
	return prom.LoadSchema(g.path(g.state.Schema))
}

// take adds a piece, and returns the gaps that are over with it.
func (g *growing) take(ctx context.Context, raw *prom.Raw, p piece, services []string) ([]gap, error) {
	p.Gaps = g.state.gaps(raw.Times())
	if raw.Count() > 0 {
		path, err := raw.WriteBlock(ctx, g.path("tmp"))
		if err == nil {
			p.block, err = g.publish(path, p)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: write a block: %w", g.dir, err), g.tidy())
		}
		g.blocks = append(g.blocks, p)
	}
	g.state.add(p)
	g.state.Services = slices.Compact(slices.Sorted(slices.Values(append(g.state.Services, services...))))
	return p.Gaps, errors.Join(g.save(), g.describe(), g.tidy())
}

// openGap is the time since the last sample, where it is too long.
func (g *growing) openGap() (gap, bool) {
	last := g.state.Last
	if last.IsZero() {
		last = g.state.Start
	}
	return gap{last, g.state.Until}, g.state.Until.Sub(last) > 3*g.state.interval()
}

// note keeps notes, and returns those that are new.
func (g *growing) note(notes []string) (fresh []string, err error) {
	for _, n := range notes {
		if !slices.Contains(g.state.Notes, n) {
			g.state.Notes = append(g.state.Notes, n)
			fresh = append(fresh, n)
		}
	}
	if len(fresh) > 0 {
		err = errors.Join(g.save(), g.describe())
	}
	return fresh, err
}

func (g *growing) save() error { return g.writeJSON("record.json", g.state) }

// describe writes the manifest, once there is something to describe.
func (g *growing) describe() error {
	s := &g.state
	if s.Last.IsZero() {
		return nil
	}
	notes := Notes{"raw samples of " + s.Source}
	for _, gap := range s.Gaps {
		notes = append(notes, gap.String())
	}
	if gap, ok := g.openGap(); ok {
		notes = append(notes, gap.String())
	}
	return g.writeJSON("manifest.json", Manifest{
		Format: Format, Schema: s.Schema, Services: s.Services, Start: s.Start, End: s.Until,
		ScrapeIntervalS: s.ScrapeIntervalS, MadeBy: s.MadeBy, Notes: append(notes, s.Notes...),
	})
}

// close lets the directory go. Nothing is left where nothing was begun.
func (g *growing) close() error {
	var err error
	if !g.begun {
		err = errors.Join(os.RemoveAll(g.path("tmp")), os.RemoveAll(g.path("blocks")), os.Remove(g.path("lock")))
		if g.made {
			err = errors.Join(err, os.Remove(g.dir))
		}
	}
	return errors.Join(err, g.release())
}
