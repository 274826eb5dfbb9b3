package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// Cache keeps the windows of recordings on disk, so that a second walk over
// the same history asks nothing.
//
// Windows are kept, and not the frames made of them: windows follow from the
// history and the question alone, while frames follow from the extractor's
// version and settings too (the objective, the horizon), so that each of those
// would need frames of its own. It costs the extractor at every walk: of 28 s
// of processor time for the frames of a day of 200 endpoints every 15 s, from
// blocks on a disk, a walk over kept windows takes 10 s, most of it the
// extractor. Of a server's history the queries are a far larger part.
//
// A directory holds an entry for each history, schema and query (see question),
// and an entry a Parquet file for each slice of time, written when the slice was
// evaluated: an interrupted walk goes on where it was. A file's name carries
// the digest of its bytes; one that does not match it is thrown away and its
// slice is evaluated anew. Several processes may share a directory.
//
// A Cache may be used by several goroutines. What does not work is told and
// done without: a cache never makes a walk fail.
type Cache struct {
	Directory string
	Limit     int64        // bytes; the entries used longest ago go first
	Tell      func(string) // called once for each kind of trouble; may be nil
	Now       func() time.Time

	// Encode makes a file of a slice, and Decode reads it: those of package
	// sheet, which the daemon, having no cache, need not link.
	Encode func(prom.Slice, *mesh.Schema) ([]byte, error)
	Decode func([]byte, *mesh.Schema) (prom.Slice, error)

	mutex sync.Mutex
	told  map[string]bool
}

// DefaultCacheLimit is the size of a cache when nobody says otherwise.
const DefaultCacheLimit = 8 << 30

// tell tells of trouble of a kind, the first time.
func (c *Cache) tell(kind string, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.Tell == nil || c.told[kind] {
		return
	}
	if c.told == nil {
		c.told = map[string]bool{}
	}
	c.told[kind] = true
	c.Tell(fmt.Sprintf("the cache of windows in %s: %v; it is done without", c.Directory, err))
}

// layout is the directory of the entries. Raise it when the files change.
const layout = "windows-1"

// makeRoom removes the entries that were used longest ago until at most the
// limit is left. It never removes keep, and reports whether the rest fits.
func (c *Cache) makeRoom(keep string, coming int64) (bool, error) {
	type folder struct {
		path string
		used time.Time
		size int64
	}
	root := filepath.Join(c.Directory, layout)
	names, err := os.ReadDir(root)
	if err != nil {
		return false, err
	}
	total := coming
	var kept error
	var all []folder
	for _, name := range names {
		f := folder{path: filepath.Join(root, name.Name())}
		stat, err := os.Stat(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process was faster
		} else if err != nil {
			return false, err
		}
		f.used, f.size = stat.ModTime(), sizeOf(f.path)
		total += f.size
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b folder) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, f := range all {
		if total <= c.Limit {
			break
		}
		if f.path == keep {
			continue
		}
		if err := os.RemoveAll(f.path); err != nil { // such as when another process writes into it
			kept = errors.Join(kept, err)
			continue
		}
		total -= f.size
	}
	if total <= c.Limit {
		return true, nil
	}
	return false, kept
}

// sizeOf adds up the files in a folder, as far as they are still there.
func sizeOf(folder string) int64 {
	files, _ := os.ReadDir(folder)
	total := int64(0)
	for _, file := range files {
		if stat, err := file.Info(); err == nil {
			total += stat.Size()
		}
	}
	return total
}
