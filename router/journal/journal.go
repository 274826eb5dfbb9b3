package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Journal takes entries and writes them to a directory in the background. It
// is safe for concurrent use; a nil Journal keeps nothing.
type Journal struct {
	cfg       Config
	directory string
	keep      float64           // random numbers of 53 bits below are sampled
	wake      chan struct{}     // something waits
	flushes   chan chan<- error // who waits until all is on the disk
	quit      chan struct{}     // closed by Close
	done      chan struct{}     // closed by the writer
	once      sync.Once         // Close
	reading   atomic.Uint64     // the segment that the Reader is at; 0: there is no Reader

	mu      sync.Mutex // held for a copy of some bytes, never over anything that waits
	closed  bool
	waiting []byte // sealed records; never grows beyond cfg.Queue
	entries uint64 // in waiting
	seq     uint64 // of the last entry
	stats   Stats
}

// Open takes hold of the directory, which it creates when missing, and begins
// a segment with the first entry. Close the journal in the end.
func Open(directory string, cfg Config) (*Journal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	j := &Journal{
		cfg: cfg, directory: directory, keep: cfg.Sample * (1 << 53), waiting: make([]byte, 0, cfg.Queue),
		wake: make(chan struct{}, 1), flushes: make(chan chan<- error), quit: make(chan struct{}), done: make(chan struct{}),
	}
	w, err := newWriter(directory, &cfg, &j.reading)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	go j.run(w)
	return j, nil
}

// Stream is the one of this run.
func (j *Journal) Stream() int64 { return j.cfg.Stream }

// Sampled reports whether a request that drew this random number is one whose
// pick and outcome are kept.
func (j *Journal) Sampled(random uint64) bool { return j != nil && float64(random>>11) < j.keep }

// Append copies the entry into the queue and reports whether it fitted. It
// never waits, and allocates nothing.
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
	j.stats.Appended++
	size := frameSize + most(e)
	switch {
	case j.closed:
		j.stats.Dropped.Closed++
	case size > j.cfg.Queue:
		j.stats.Dropped.Size++
	case len(j.waiting)+size > j.cfg.Queue && j.stats.Err != nil:
		j.stats.Dropped.Disk++
	case len(j.waiting)+size > j.cfg.Queue:
		j.stats.Dropped.Queue++
	default:
		start := len(j.waiting)
		j.seq++
		j.entries++
		j.waiting = appendEntry(j.waiting[:start+frameSize], j.seq, e)
		seal(j.waiting, start)
		return true
	}
	return false
}

// Flush waits until everything that was appended before is on the disk: it
// outlives a loss of power.
func (j *Journal) Flush(ctx context.Context) error {
	if j == nil {
		return nil
	}
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

// Close writes what waits, gives the directory free, and says what was lost.
// Close the Reader first.
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
	if s := j.counts(); s.Err != nil {
		return fmt.Errorf("journal: %d entries were lost: %w", s.Dropped.Total(), s.Err)
	}
	return nil
}

// run is the writer's goroutine.
func (j *Journal) run(w *writer) {
	defer close(j.done)
	defer w.letGo()
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
			err := w.flush(j.take)
			j.note(w, errors.Join(err, w.close()))
			j.mu.Lock()
			j.stats.Dropped.Closed += w.entries + j.entries
			j.waiting, j.entries = nil, 0
			j.mu.Unlock()
			return
		}
	}
}

// take hands the writer what waits, for the memory of what it has written.
func (j *Journal) take(written []byte) (batch []byte, entries uint64) {
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
