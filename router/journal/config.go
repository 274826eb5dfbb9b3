package journal

import (
	"errors"
	"fmt"
	"time"
)

// Config bounds a journal.
type Config struct {
	// Stream tells what this run writes from what all others do: a random
	// number above 0. A place in a stream is given once.
	Stream int64
	// MaxBytes is what all segments may take on disk. The oldest go when it is
	// reached.
	MaxBytes int64
	// Queue is how many bytes may wait for the disk; entries that do not fit
	// are dropped and counted. Twice as much memory is taken.
	Queue int
	// Sync is how often what was written is forced to the disk: that much is
	// lost at most when the machine loses power. When only this process is
	// killed, what was written stays. It is also the time between two attempts
	// when the disk takes nothing.
	Sync time.Duration
	// Sample is the part of the requests whose picks and outcomes are kept.
	Sample float64
	// Trouble, where it is set, is told why nothing can be written, and nil once
	// it is possible again. It must not wait.
	Trouble func(error)
}

// DefaultConfig lacks the Stream. A queue of 4 MiB holds some 30,000 picks.
func DefaultConfig() Config {
	return Config{MaxBytes: 1 << 30, Queue: 4 << 20, Sync: time.Second, Sample: 0.01}
}

// maxSegment is the most that a segment takes on disk.
const maxSegment = 16 << 20

// segment is where a segment ends: it takes everything that waits at once.
func (c *Config) segment() int64 {
	return max(min(c.MaxBytes/8, maxSegment), int64(c.Queue)+headerSize)
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Stream <= 0 {
		errs = append(errs, fmt.Errorf("journal: stream is %d; want a random number above 0", c.Stream))
	}
	if c.Queue < 1024 || c.Queue > maxSegment-headerSize {
		errs = append(errs, fmt.Errorf("journal: queue is %d bytes; want 1024 to %d", c.Queue, maxSegment-headerSize))
	}
	if least := 4 * (int64(c.Queue) + headerSize); c.MaxBytes < least {
		errs = append(errs, fmt.Errorf("journal: at most %d bytes; want at least %d, four times the queue", c.MaxBytes, least))
	}
	if c.Sync <= 0 {
		errs = append(errs, fmt.Errorf("journal: sync every %v; want more than 0", c.Sync))
	}
	if !(c.Sample >= 0 && c.Sample <= 1) {
		errs = append(errs, fmt.Errorf("journal: sample is %v; want 0 to 1", c.Sample))
	}
	return errors.Join(errs...)
}
