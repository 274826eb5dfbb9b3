package journal

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// writer appends batches to segments. One goroutine uses it.
type writer struct {
	directory string
	stream    int64
	segment   int64          // bytes of one, at most
	most      int64          // bytes of all
	inHand    *atomic.Uint64 // the segment that is not to be taken away; 0: none

	number uint64   // of the segment
	file   *os.File // nil: the next write begins a segment
	size   int64    // of what is whole in file
	dirty  bool     // not all of it is on the disk

	batch         []byte // that could not be written yet
	entries       uint64 // in batch
	written, lost uint64
	err           error // of the last attempt
}

func newWriter(directory string, cfg Config) (*writer, error) {
	numbers, err := segments(directory)
	if err != nil {
		return nil, err
	}
	w := &writer{directory: directory, stream: cfg.Stream, segment: cfg.segment(), most: cfg.MaxBytes}
	if len(numbers) > 0 {
		w.number = numbers[len(numbers)-1]
	}
	return w, nil
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
		// What is there of it is written over by the same bytes. Where it cannot be
		// taken back, a segment is begun, and readers know an entry by its place.
		if cut := w.file.Truncate(w.size); cut != nil {
			err = errors.Join(err, cut, w.close())
		}
		return err
	}
	w.size += int64(len(w.batch))
	w.dirty = true
	return nil
}

// begin makes room for a segment, and makes it.
func (w *writer) begin() error {
	if err := w.trim(); err != nil {
		return err
	}
	f, err := os.OpenFile(segmentPath(w.directory, w.number+1), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.Write(header(w.stream)); err == nil {
		err = syncDirectory(w.directory)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	w.number++
	w.file, w.size, w.dirty = f, headerSize, true
	return nil
}

// trim takes the oldest segments away until another one fits, but not the one
// that is being read.
func (w *writer) trim() error {
	numbers, err := segments(w.directory)
	if err != nil {
		return err
	}
	sizes, total := make([]int64, len(numbers)), w.segment
	for i, n := range numbers {
		if info, err := os.Stat(segmentPath(w.directory, n)); err == nil {
			sizes[i] = info.Size()
			total += sizes[i]
		}
	}
	for i, n := range numbers {
		if total <= w.most {
			return nil
		}
		if n == w.inHand.Load() {
			continue
		}
		path := segmentPath(w.directory, n)
		lost, err := count(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err == nil {
			w.lost += lost
		} else if !errors.Is(err, os.ErrNotExist) { // else it was read
			return err
		}
		total -= sizes[i]
	}
	return nil
}

// flush writes, and forces all to the disk.
func (w *writer) flush(take func([]byte) ([]byte, uint64)) error {
	if err := w.write(take); err != nil {
		return err
	}
	if !w.dirty {
		return nil
	}
	if err := w.file.Sync(); err != nil {
		// What the disk has of it is not known, and asking again would not tell.
		return fmt.Errorf("journal: %w", errors.Join(err, w.close()))
	}
	w.dirty = false
	return nil
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

// syncDirectory makes new names outlast a crash.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
