package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

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

// recordState is the file record.json.
type recordState struct {
	Format          string    `json:"format"`
	Source          string    `json:"source"` // prom.Connection.Identity
	Schema          string    `json:"schema"`
	SchemaHash      string    `json:"schema_hash"`
	ScrapeIntervalS float64   `json:"scrape_interval_s"`
	SlowestS        float64   `json:"slowest_scrape_interval_s"`
	Start           time.Time `json:"start"` // exclusive
	Until           time.Time `json:"until"`
	Last            time.Time `json:"last"` // newest sample
	Gaps            []gap     `json:"gaps"`
	Services        []string  `json:"services"`
	Notes           []string  `json:"notes"`
	MadeBy          string    `json:"made_by"`
}

const recordFormat = "fairway-record/1"

func (s *recordState) interval() time.Duration {
	return time.Duration(s.ScrapeIntervalS * float64(time.Second))
}

func (s *recordState) slowest() time.Duration {
	return time.Duration(s.SlowestS * float64(time.Second))
}

// continues reports why a recording cannot go on with another source.
func (s *recordState) continues(dir, source string, schema *mesh.Schema) error {
	if s.Source != source {
		return fmt.Errorf("%s: holds a recording of %s, not of %s; take another directory", dir, s.Source, source)
	}
	if hash := schema.Hash(); s.SchemaHash != hash {
		return fmt.Errorf("%s: was recorded with schema %s, which asks for other metrics than %s now; take another directory", dir, s.Schema, schema.Name)
	}
	return nil
}

// piece is a span of time, (After, Until], and the block that covers it. It is
// the file fairway.json of the block.
type piece struct {
	After time.Time `json:"after"`
	Until time.Time `json:"until"`
	Gaps  []gap     `json:"gaps,omitempty"` // that were found with it
	block prom.Block
}

// gap is a time of more than three scrape intervals, the usual ones, without
// any sample.
type gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (g gap) String() string {
	return fmt.Sprintf("no sample of any metric between %s and %s: nothing was scraped then, or the server has it no more", g.From.Format(time.RFC3339), g.To.Format(time.RFC3339))
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
			return nil, errors.Join(err, g.tidy())
		}
		g.blocks = append(g.blocks, p)
	}
	g.state.add(p)
	g.state.Services = slices.Compact(slices.Sorted(slices.Values(append(g.state.Services, services...))))
	return p.Gaps, errors.Join(g.save(), g.describe(), g.tidy())
}

// gaps finds where more than three scrape intervals pass between two times of
// samples, or between the last one before and the first of these.
func (s *recordState) gaps(times []int64) []gap {
	var gaps []gap
	last := s.Last
	if last.IsZero() {
		last = s.Start
	}
	for _, ms := range times {
		t := time.UnixMilli(ms).UTC()
		if t.Sub(last) > 3*s.interval() {
			gaps = append(gaps, gap{last, t})
		}
		last = t
	}
	return gaps
}

// add counts a piece in.
func (s *recordState) add(p piece) {
	s.Until = p.Until
	s.Gaps = append(s.Gaps, p.Gaps...)
	if p.block.Last.After(s.Last) {
		s.Last = p.block.Last
	}
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
			return errors.Join(err, g.tidy())
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
	if err := errors.Join(syncDir(path), os.Rename(path, to), syncDir(g.path("blocks"))); err != nil {
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
	return errors.Join(os.Rename(unfinished, g.path(name)), syncDir(g.dir))
}

func writeSynced(path string, text []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// close lets the directory go. Nothing is left where nothing was begun.
func (g *growing) close() error {
	var err error
	if !g.begun {
		err = errors.Join(os.RemoveAll(g.path("tmp")), os.RemoveAll(g.path("blocks")), os.RemoveAll(g.path("schema.yaml")), os.Remove(g.path("lock")))
		if g.made {
			err = errors.Join(err, os.Remove(g.dir))
		}
	}
	return errors.Join(err, g.release())
}
