package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// writer appends batches to segments. One goroutine uses it.
type writer struct {
	directory string
	stream    int64
	segment   int64          // bytes of one, at most
	most      int64          // bytes of all
	reading   *atomic.Uint64 // the segment that the Reader is at, which stays; 0: there is no Reader

	release func() error // of the lock; nil: the next segment waits for it

	number uint64   // of the segment
	file   *os.File // nil: the next write begins a segment
	size   int64    // of what is whole in file
	dirty  bool     // not all of it is on the disk

	batch         []byte // that could not be written yet
	entries       uint64 // in batch
	written, lost uint64
	err           error // of the last attempt
}

func newWriter(directory string, cfg *Config, reading *atomic.Uint64) (*writer, error) {
	w := &writer{directory: directory, stream: cfg.Stream, segment: cfg.segment(), most: cfg.MaxBytes, reading: reading}
	if err := w.hold(); err != nil {
		return nil, err
	}
	all, err := list(directory)
	if err != nil {
		w.letGo()
		return nil, err
	}
	w.batch = make([]byte, 0, cfg.Queue)
	for _, s := range all {
		w.number = max(w.number, s.number)
	}
	// What follows a Reader's position is new to it, also where somebody took the
	// segments away.
	if at, err := loadPosition(directory); err == nil {
		w.number = max(w.number, at.Segment)
	}
	return w, nil
}

// hold makes the directory where it is missing, and takes hold of it.
func (w *writer) hold() error {
	if w.release != nil {
		return nil
	}
	if err := os.MkdirAll(w.directory, 0o750); err != nil {
		return err
	}
	release, err := durable.Lock(filepath.Join(w.directory, "lock"), 0o640)
	if err != nil {
		return fmt.Errorf("%w: does another fairwayd write there?", err)
	}
	w.release = release
	return nil
}

// letGo gives the directory free.
func (w *writer) letGo() {
	if w.release != nil {
		w.release() // it was only locked
		w.release = nil
	}
}

// look turns its back on a segment that is no longer where it was, whose entries nobody
// would find: the next one is begun where there may be a new directory, and a new lock.
func (w *writer) look() error {
	if w.file == nil {
		return nil
	}
	path := w.file.Name()
	is, err := w.file.Stat()
	if err != nil {
		return nil // the next write will tell
	}
	if there, err := os.Stat(path); err == nil && os.SameFile(is, there) {
		return nil
	}
	w.dirty = false // nobody will see what is forced to the disk
	err = w.close()
	w.letGo()
	return errors.Join(fmt.Errorf("journal: somebody has taken %s away, and the entries in it; it is begun anew", path), err)
}

// write writes what take gives, after what could not be written before.
func (w *writer) write(take func(written []byte) ([]byte, uint64)) error {
	for range 2 {
		if len(w.batch) == 0 {
			w.batch, w.entries = take(w.batch)
		}
		if len(w.batch) == 0 {
			return nil
		}
		if err := w.append(); err != nil {
			return fmt.Errorf("journal: %w; entries are dropped when %d bytes wait", err, cap(w.batch))
		}
		w.written += w.entries
		w.batch, w.entries = w.batch[:0], 0
	}
	return nil
}

// append writes the batch, or leaves no trace of it that counts.
func (w *writer) append() error {
	if w.file != nil && w.size+int64(len(w.batch)) > w.segment {
		if err := w.close(); err != nil {
			return err
		}
	}
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if _, err := w.file.WriteAt(w.batch, w.size); err != nil {
		return errors.Join(err, w.abandon())
	}
	w.size += int64(len(w.batch))
	w.dirty = true
	return nil
}

// abandon ends a segment that could not be written to. Where a part of the batch
// cannot be taken back, readers see it end too early, and know what is written
// again by its place. Who took the file away to make room gets the room.
func (w *writer) abandon() error {
	name := w.file.Name()
	w.file.Truncate(w.size)
	err := w.close()
	if w.size == headerSize {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// begin makes room for a segment, and makes it.
func (w *writer) begin() error {
	if err := w.hold(); err != nil {
		return err
	}
	if err := w.trim(); err != nil {
		if errors.Is(err, os.ErrNotExist) { // so is the lock
			w.letGo()
		}
		return err
	}
	f, err := os.OpenFile(segmentPath(w.directory, w.number+1), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
	if err != nil {
		return err
	}
	if _, err = f.Write(header(w.stream)); err == nil {
		err = durable.Sync(w.directory)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	w.number++
	w.file, w.size, w.dirty = f, headerSize, true
	return nil
}

// trim takes the oldest segments away until another one fits, but not the one
// that is being read. Those that are damaged go first.
func (w *writer) trim() error {
	all, err := list(w.directory)
	if err != nil {
		return err
	}
	total := w.segment
	for _, s := range all {
		total += s.size
	}
	for _, s := range all {
		if total <= w.most {
			return nil
		}
		at := w.reading.Load()
		if !s.aside && s.number == at {
			continue
		}
		lost := uint64(0)
		if at != 0 && s.number > at && !s.aside {
			lost, _ = count(s.path) // none where it cannot be read
		}
		if err := os.Remove(s.path); err == nil {
			w.lost += lost
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		total -= s.size
	}
	return nil
}

// flush writes, and forces all to the disk. An error may tell of entries that are lost
// while those that came after them are written.
func (w *writer) flush(take func([]byte) ([]byte, uint64)) error {
	gone := w.look()
	if err := w.write(take); err != nil {
		return errors.Join(gone, err)
	}
	if !w.dirty {
		return gone
	}
	if err := w.file.Sync(); err != nil {
		// What the disk has of it is not known, and asking again would not tell.
		return fmt.Errorf("journal: %w", errors.Join(gone, err, w.close()))
	}
	w.dirty = false
	return gone
}

// close ends the segment, if one is begun.
func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	err := error(nil)
	if w.dirty {
		err = f.Sync()
	}
	w.dirty = false
	return errors.Join(err, f.Close())
}
