package journal

import (
	"encoding/binary"
	"errors"
	"io"
)

// errTorn says that the next record is not whole, or not yet.
var errTorn = errors.New("the record is not whole")

// scanner reads records. Memory grows with what is there, up to the greatest
// record that is ever written.
type scanner struct {
	in     io.Reader
	record []byte // frame included; valid until the next
}

// next returns the bytes of the next record: io.EOF at the end, errTorn where
// it is cut off or damaged.
func (s *scanner) next() ([]byte, error) {
	s.record = append(s.record[:0], make([]byte, frameSize)...)
	if _, err := io.ReadFull(s.in, s.record); err == io.EOF {
		return nil, io.EOF
	} else if err != nil {
		return nil, torn(err)
	}
	n := binary.LittleEndian.Uint32(s.record)
	if n > maxSegment {
		return nil, errTorn
	}
	for left := int(n); left > 0; { // in pieces, lest a torn length takes memory
		piece := min(left, 64<<10)
		start := len(s.record)
		s.record = append(s.record, make([]byte, piece)...)
		if _, err := io.ReadFull(s.in, s.record[start:]); err != nil {
			return nil, torn(err)
		}
		left -= piece
	}
	if binary.LittleEndian.Uint32(s.record[4:]) != checksum(s.record) {
		return nil, errTorn
	}
	return s.record[frameSize:], nil
}

// torn keeps an error of the disk apart from an early end.
func torn(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errTorn
	}
	return err
}
