package journal

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"sync/atomic"
)

// Record is an Entry in its place: an entry is told from all others by Stream
// and Seq, which ascends in a stream, with gaps where entries were lost.
type Record struct {
	Stream int64
	Seq    uint64
	Entry
}

// Read yields everything that the segments of a directory hold, oldest first,
// until there is no more for now. It may be written to meanwhile. An error
// tells of a segment that is damaged, of which no more is read, and that is
// not the end; any other is.
func Read(directory string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		c := cursor{directory: directory}
		defer c.close()
		for {
			r, err := c.next()
			var damage *DamageError
			if err == io.EOF || !yield(r, err) || err != nil && !errors.As(err, &damage) {
				return
			}
		}
	}
}

// DamageError tells of a segment that is not as it was written.
type DamageError struct {
	Path   string
	Offset int64 // from where on it is not read
	Err    error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("journal: %s: from byte %d on: %v; what follows it in this segment is not read", e.Path, e.Offset, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }

// position is a place in a journal, behind a record.
type position struct {
	Segment uint64 // the first is 1
	Offset  int64  // in it; 0 is before its head
	Stream  int64  // of the record
	Seq     uint64
}

// cursor walks the segments of a directory, into which another may write.
type cursor struct {
	directory string
	reading   *atomic.Uint64 // follows at.Segment; nil: of a Reader that will not look again
	at        position

	file   *os.File // the segment at.Segment; nil: none is open
	scan   scanner
	headed bool  // its head has been read
	stream int64 // of the segment
	over   bool  // a newer segment has been seen: nobody writes to at.Segment
}

// next returns the next record. It returns io.EOF when there is none for now,
// and a DamageError when it has turned its back on a segment.
func (c *cursor) next() (Record, error) {
	for {
		if err := c.open(); err != nil {
			return Record{}, err
		}
		r, err := c.read()
		if err != nil && !c.over {
			// Perhaps it is being written. Where it is not, all of it can be seen now.
			newer, failed := following(c.directory, c.at.Segment+1)
			c.close()
			if c.over = newer != 0; c.over {
				continue
			}
			if c.reading != nil || failed != nil || err == io.EOF || err == errTorn {
				return Record{}, cmp.Or(failed, io.EOF)
			}
		}
		switch {
		case err == io.EOF || err == errTorn:
			c.leave()
		case err != nil:
			damage := &DamageError{segmentPath(c.directory, c.at.Segment), c.at.Offset, err}
			c.leave()
			return Record{}, damage
		case r.Stream == c.at.Stream && r.Seq <= c.at.Seq:
			// It was written again, since the first writing did not seem to succeed.
		default:
			c.at.Stream, c.at.Seq = r.Stream, r.Seq
			return r, nil
		}
	}
}

// open opens the segment that c.at is in, or the next that is there.
func (c *cursor) open() error {
	for c.file == nil {
		number, err := following(c.directory, c.at.Segment)
		if err != nil {
			return err
		}
		if number == 0 {
			return io.EOF
		}
		if number != c.at.Segment {
			c.leave()
			c.at.Segment = number
		}
		if c.reading != nil {
			c.reading.Store(number)
		}
		f, err := os.Open(segmentPath(c.directory, number))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just been taken away
		}
		if err != nil {
			return err
		}
		c.file = f
		in := io.NewSectionReader(f, c.at.Offset, math.MaxInt64-c.at.Offset)
		c.scan.in = bufio.NewReaderSize(in, 64<<10)
		c.headed = false
	}
	return nil
}

// read reads the head, where that has not been done, and a record.
func (c *cursor) read() (r Record, err error) {
	if !c.headed {
		head := make([]byte, headerSize)
		if n, err := c.file.ReadAt(head, 0); err != nil && (err != io.EOF || n == 0) {
			return r, err
		} else if n < headerSize {
			return r, errTorn
		}
		if c.stream, err = parseHeader(head); err != nil {
			return r, err
		}
		if c.at.Offset == 0 {
			c.at.Offset = headerSize
			if _, err := c.scan.in.(*bufio.Reader).Discard(headerSize); err != nil {
				return r, err
			}
		}
		c.headed = true
	}
	b, err := c.scan.next()
	if err != nil {
		return r, err
	}
	if r, err = parseRecord(b); err != nil {
		return r, err
	}
	r.Stream = c.stream
	c.at.Offset += frameSize + int64(len(b))
	return r, nil
}

// leave goes on to the next segment.
func (c *cursor) leave() {
	c.close()
	c.at.Segment, c.at.Offset, c.over = c.at.Segment+1, 0, false
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.Close() // it was only read
		c.file = nil
	}
}
