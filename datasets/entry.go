package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// entry is what a cache keeps of one walk. Its nil keeps nothing.
type entry struct {
	cache   *Cache
	folder  string
	schema  *mesh.Schema
	settled time.Time // what is seen at or after it may still change; zero: nothing will
	full    bool      // nothing is written any more
	written int64     // since room was made
}

// open returns the entry for a question, or nil when the directory cannot be
// used.
func (c *Cache) open(q question, schema *mesh.Schema) *entry {
	e := &entry{cache: c, folder: filepath.Join(c.Directory, layout, q.key()), schema: schema, settled: q.settled}
	if err := os.MkdirAll(e.folder, 0o755); err != nil {
		c.tell("directory", err)
		return nil
	}
	e.touch()
	return e
}

// touch notes that the entry was used just now.
func (e *entry) touch() {
	now := e.cache.Now()
	if err := os.Chtimes(e.folder, now, now); err != nil {
		e.cache.tell("directory", err)
	}
}

// next returns the next slice of the walk: a kept one, or one that is evaluated
// and then kept.
func (e *entry) next(ctx context.Context, walk *prom.Walk) (prom.Slice, error) {
	if e == nil {
		return walk.Next(ctx)
	}
	if s, ok := e.find(walk.At()); ok {
		err := walk.Resume(s)
		if err == nil {
			return s, nil
		}
		e.cache.tell("bad file", err)
	}
	s, err := walk.Next(ctx)
	if err == nil {
		e.keep(s)
	}
	return s, err
}

const ending = ".parquet"

// find reads the slice that starts at a time.
func (e *entry) find(start time.Time) (prom.Slice, bool) {
	paths, err := filepath.Glob(filepath.Join(e.folder, prefix(start)+"*"+ending))
	if err != nil {
		return prom.Slice{}, false // a bad pattern: cannot happen
	}
	for _, path := range paths {
		s, err := e.read(path)
		if err == nil && !s.Start.Equal(start) {
			err = fmt.Errorf("%s: starts at %s", path, s.Start)
		}
		if err == nil {
			return s, true
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process made room
		}
		e.cache.tell("bad file", err)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.cache.tell("directory", err)
		}
	}
	return prom.Slice{}, false
}

// read reads a file whose bytes are still those that were written. No others
// reach the Parquet reader, which may run wild on them.
func (e *entry) read(path string) (prom.Slice, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return prom.Slice{}, err
	}
	if !strings.HasSuffix(path, "-"+digestOf(content)+ending) {
		return prom.Slice{}, fmt.Errorf("%s is damaged", path)
	}
	s, err := e.cache.Decode(content, e.schema)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// roomEvery is how many bytes are written before room is made again.
const roomEvery = 64 << 20

// keep writes a slice. Of a source that is still being written, only what is
// wholly in the past is kept.
func (e *entry) keep(s prom.Slice) {
	if e.full || !e.settled.IsZero() && s.Next.After(e.settled) {
		return
	}
	content, err := e.cache.Encode(s, e.schema)
	if err == nil && (e.written == 0 || e.written > roomEvery) {
		var fits bool
		if fits, err = e.cache.makeRoom(e.folder, int64(len(content))); err == nil && !fits {
			err = fmt.Errorf("this recording alone needs more than %d MiB", e.cache.Limit>>20)
		}
		e.written = 0
	}
	if err == nil {
		err = writeAtomically(filepath.Join(e.folder, prefix(s.Start)+digestOf(content)+ending), content)
	}
	if err != nil {
		e.full = true
		e.cache.tell("write", err)
		return
	}
	e.written += int64(len(content))
	e.touch() // a file that comes sets the clock's own time
}

// prefix begins the name of the file of the slice that starts at a time.
func prefix(start time.Time) string { return strconv.FormatInt(start.UnixMilli(), 10) + "-" }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// writeAtomically leaves the whole file or none.
func writeAtomically(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".partial-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
