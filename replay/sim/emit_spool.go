package sim

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// spool is a file that keeps scrapes until they are written as text, series by
// series: each endpoint has a part of the file, so that its scrapes are read
// back in one go.
type spool struct {
	file   *os.File
	most   int   // scrapes of an endpoint
	count  []int // of each endpoint
	record [spooled]byte
}

const spooled = 8 * (1 + numAll) // bytes of a scrape: its time, negative when it was down, and its numbers

func newSpool(path string, endpoints, most int) (*spool, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &spool{file: file, most: most, count: make([]int, endpoints)}, nil
}

func (s *spool) offset(i, n int) int64 { return int64(i*s.most+n) * int64(spooled) }

func (s *spool) add(i int, x *scrape) error {
	if s.count[i] == s.most {
		return fmt.Errorf("endpoint %d is scraped more than %d times: more than its interval and the duration of the run allow", i, s.most)
	}
	t := x.t
	if !x.up {
		t = ^t
	}
	binary.LittleEndian.PutUint64(s.record[:], uint64(t))
	for k, v := range x.v {
		binary.LittleEndian.PutUint64(s.record[8*(k+1):], math.Float64bits(v))
	}
	_, err := s.file.WriteAt(s.record[:], s.offset(i, s.count[i]))
	s.count[i]++
	return err
}

// each reads one number of every scrape of endpoint i, in order of time.
func (s *spool) each(i, number int, yield func(t int64, up bool, v float64)) error {
	part := io.NewSectionReader(s.file, s.offset(i, 0), int64(s.count[i]*spooled))
	in := bufio.NewReaderSize(part, 256*spooled)
	for range s.count[i] {
		if _, err := io.ReadFull(in, s.record[:]); err != nil {
			return err
		}
		t := int64(binary.LittleEndian.Uint64(s.record[:]))
		up := t >= 0
		if !up {
			t = ^t
		}
		yield(t, up, math.Float64frombits(binary.LittleEndian.Uint64(s.record[8*(number+1):])))
	}
	return nil
}

// close takes the file away.
func (s *spool) close() error { return errors.Join(s.file.Close(), os.Remove(s.file.Name())) }
