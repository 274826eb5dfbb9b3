package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Reader passes on what a journal keeps, in order, and remembers how far it
// was acknowledged. One goroutine uses it, in the process that writes.
//
// After a crash it begins behind what was acknowledged last, so that what was
// stored and not acknowledged comes again, with the same Stream and Seq: whoever
// stores it asks whether it has that already.
type Reader struct {
	journal      *Journal
	cursor       cursor
	given        position // behind what Next gave
	acknowledged position
	done         uint64   // the segments before are taken away
	damaged      []uint64 // are set aside with the next acknowledgement
	held         *held    // is given by the next Next
}

// held is what a cursor returned.
type held struct {
	record Record
	err    error
}

// Reader begins where the last one was acknowledged. There may be one at a
// time. Where its position cannot be read, it begins at the oldest entry.
func (j *Journal) Reader() (*Reader, error) {
	if !j.reading.CompareAndSwap(0, 1) {
		return nil, errors.New("journal: it has a Reader already")
	}
	r := &Reader{journal: j, cursor: cursor{directory: j.directory, reading: &j.reading}}
	at, err := loadPosition(j.directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.held = &held{err: fmt.Errorf("journal: %w; all that is there is read again", err)}
	}
	at.Segment = max(at.Segment, 1)
	j.reading.Store(at.Segment)
	r.cursor.at, r.given, r.acknowledged = at, at, at
	return r, nil
}

// Next appends up to most records, all of one Stream, to dst, which is empty.
// It never waits: there are none when there is nothing new for now. An error
// tells of a segment that cannot be read; the next call goes on behind it, or
// tries again. What was given is not given again by this Reader.
func (r *Reader) Next(dst []Record, most int) ([]Record, error) {
	for len(dst) < most {
		record, err := r.next()
		if err == io.EOF {
			break
		}
		if len(dst) > 0 && (err != nil || record.Stream != dst[0].Stream) {
			r.held = &held{record, err}
			return dst, nil
		}
		if r.given = r.cursor.at; err != nil {
			return dst, err
		}
		dst = append(dst, record)
	}
	return dst, nil
}

func (r *Reader) next() (Record, error) {
	if h := r.held; h != nil {
		r.held = nil
		return h.record, h.err
	}
	record, err := r.cursor.next()
	var damage *DamageError
	if errors.As(err, &damage) {
		r.damaged = append(r.damaged, r.cursor.at.Segment-1)
	}
	return record, err
}

// Acknowledge says that everything that Next gave is durable elsewhere. The
// segments of which nothing else is left are taken away; those that are damaged
// are kept beside, as long as MaxBytes allows. After an error, call it again with
// the next batch.
func (r *Reader) Acknowledge() error {
	if r.given == r.acknowledged {
		return nil
	}
	if err := r.setAside(); err != nil { // first, lest a crash lets them be taken away with the others
		return fmt.Errorf("journal: %w", err)
	}
	err := savePosition(r.journal.directory, r.given)
	if err == nil {
		r.acknowledged = r.given
	}
	// A full disk takes no position, but taking segments away makes room. Where they
	// are missing, the next Reader begins behind them.
	if r.done != r.given.Segment {
		err = errors.Join(err, r.clear())
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (r *Reader) setAside() error {
	for len(r.damaged) > 0 && r.damaged[0] < r.given.Segment {
		path := segmentPath(r.journal.directory, r.damaged[0])
		if err := os.Rename(path, path+damaged); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.damaged = r.damaged[1:]
	}
	return nil
}

// clear takes away the segments before those that Next gave last from.
func (r *Reader) clear() error {
	all, err := list(r.journal.directory)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.aside || s.number >= r.given.Segment {
			continue
		}
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	r.done = r.given.Segment
	return nil
}

// Close frees what the Reader holds. What was not acknowledged is given to the
// next one.
func (r *Reader) Close() {
	r.cursor.close()
	r.journal.reading.Store(0)
}
