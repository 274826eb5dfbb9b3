package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Journal takes entries and writes them to a directory in the background. It
// is safe for concurrent use; a nil Journal keeps nothing.
type Journal struct {
	cfg       Config
	directory string
	keep      float64 // the random numbers below are sampled
	release   func() error
	wake      chan struct{}     // something waits
	flushes   chan chan<- error // who waits until all is on the disk
	quit      chan struct{}     // closed by Close
	done      chan struct{}     // closed by the writer
	once      sync.Once         // Close
	inHand    atomic.Uint64     // the segment that the Reader reads; 0: none

	mu      sync.Mutex // held for a copy of some bytes, never over anything that waits
	closed  bool
	waiting []byte // sealed records
	entries uint64 // in waiting
	seq     uint64 // of the last entry
	stats   Stats
}

// Stats says how a journal fares.
type Stats struct {
	Appended uint64 // entries that fitted the queue
	Written  uint64 // that the operating system has: they outlive this process
	Dropped  Dropped
	Segments int
	Bytes    int64 // that all segments take on disk
	Err      error // why nothing can be written now; nil when all is well
}

// Dropped counts entries that were lost, by why.
type Dropped struct {
	Queue  uint64 // the queue was full
	Disk   uint64 // the queue was full because the disk takes nothing
	Size   uint64 // one is greater than the queue
	Closed uint64 // came after Close, or could not be written before it ended
	Oldest uint64 // were in a segment that went because of MaxBytes, unread
}

// Total counts all of them.
func (d Dropped) Total() uint64 { return d.Queue + d.Disk + d.Size + d.Closed + d.Oldest }

// Open takes hold of the directory, which it creates when missing, and begins
// a segment with the first entry. Close the journal in the end.
func Open(directory string, cfg Config) (*Journal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	release, err := lock(filepath.Join(directory, "lock"))
	if err != nil {
		return nil, fmt.Errorf("journal: %w: does another fairwayd write there?", err)
	}
	w, err := newWriter(directory, cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), release())
	}
	j := &Journal{
		cfg: cfg, directory: directory, keep: cfg.Sample * (1 << 64), release: release,
		wake: make(chan struct{}, 1), flushes: make(chan chan<- error), quit: make(chan struct{}), done: make(chan struct{}),
	}
	w.inHand = &j.inHand
	go j.run(w)
	return j, nil
}

// Sampled reports whether a request that drew this random number is one whose
// pick and outcome are kept.
func (j *Journal) Sampled(random uint64) bool { return j != nil && float64(random) < j.keep }

// Append copies the entry into the queue and reports whether it fitted. It
// never waits, and allocates nothing once the queue has grown.
func (j *Journal) Append(e *Entry) bool {
	if j == nil {
		return false
	}
	j.mu.Lock()
	fitted := j.append(e)
	j.mu.Unlock()
	if fitted {
		select {
		case j.wake <- struct{}{}:
		default: // it will wake anyway
		}
	}
	return fitted
}

func (j *Journal) append(e *Entry) bool {
	if j.closed {
		j.stats.Dropped.Closed++
		return false
	}
	start := len(j.waiting)
	b := append(j.waiting, make([]byte, frameSize)...)
	b = appendEntry(b, j.seq+1, e)
	switch {
	case len(b)-start > j.cfg.Queue:
		j.stats.Dropped.Size++
	case len(b) > j.cfg.Queue && j.stats.Err != nil:
		j.stats.Dropped.Disk++
	case len(b) > j.cfg.Queue:
		j.stats.Dropped.Queue++
	default:
		seal(b, start)
		j.waiting = b
		j.entries++
		j.seq++
		j.stats.Appended++
		return true
	}
	j.waiting = b[:start]
	return false
}

// Flush waits until everything that was appended before is on the disk: it
// outlives a loss of power.
func (j *Journal) Flush(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case j.flushes <- answer:
	case <-j.done:
		return errors.New("journal: it is closed")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats says how the journal fares. It looks into the directory.
func (j *Journal) Stats() Stats {
	if j == nil {
		return Stats{}
	}
	j.mu.Lock()
	s := j.stats
	j.mu.Unlock()
	numbers, _ := segments(j.directory) // nothing to count where it is gone
	for _, n := range numbers {
		if info, err := os.Stat(segmentPath(j.directory, n)); err == nil {
			s.Segments++
			s.Bytes += info.Size()
		}
	}
	return s
}

// Close writes what waits, gives the directory free, and says what was lost.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	j.once.Do(func() {
		j.mu.Lock()
		j.closed = true
		j.mu.Unlock()
		close(j.quit)
	})
	<-j.done
	if s := j.Stats(); s.Err != nil {
		return fmt.Errorf("journal: %d entries were lost: %w", s.Dropped.Total(), s.Err)
	}
	return nil
}

// run is the writer's goroutine.
func (j *Journal) run(w *writer) {
	defer close(j.done)
	defer j.release()
	ticker := time.NewTicker(j.cfg.Sync)
	defer ticker.Stop()
	for {
		select {
		case <-j.wake:
			if w.err == nil { // else at the next tick
				j.note(w, w.write(j.take))
			}
		case <-ticker.C:
			j.note(w, w.flush(j.take))
		case answer := <-j.flushes:
			answer <- j.note(w, w.flush(j.take))
		case <-j.quit:
			j.note(w, w.flush(j.take))
			j.note(w, w.close())
			j.mu.Lock()
			j.stats.Dropped.Closed += w.entries + j.entries
			j.waiting, j.entries = nil, 0
			j.mu.Unlock()
			return
		}
	}
}

// roomy is the memory that a queue keeps when it is empty, in bytes.
const roomy = 1 << 20

// take hands the writer what waits, for the memory of what it has written.
func (j *Journal) take(written []byte) (batch []byte, entries uint64) {
	if cap(written) > roomy {
		written = nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	batch, entries = j.waiting, j.entries
	j.waiting, j.entries = written[:0], 0
	return batch, entries
}

// note keeps the counts of the writer, and tells when its luck has turned.
func (j *Journal) note(w *writer, err error) error {
	turned := (err == nil) != (w.err == nil)
	w.err = err
	j.mu.Lock()
	j.stats.Err = err
	j.stats.Written, j.stats.Dropped.Oldest = w.written, w.lost
	j.mu.Unlock()
	if turned && j.cfg.Trouble != nil {
		j.cfg.Trouble(err)
	}
	return err
}
