package journal

import (
	"encoding/binary"
	"errors"
	"io"
)

// Why a record is not whole: it is cut off, or other than it was written.
var (
	errTorn    = errors.New("the last record is cut off")
	errDamaged = errors.New("a record is damaged")
)

// scanner reads records. Memory grows with what is there, up to the greatest
// record that is ever written.
type scanner struct {
	in     io.Reader
	record []byte // frame included; valid until the next
}

// next returns the bytes of the next record; io.EOF at the end.
func (s *scanner) next() ([]byte, error) {
	s.record = append(s.record[:0], make([]byte, frameSize)...)
	if _, err := io.ReadFull(s.in, s.record); err != nil {
		return nil, torn(err)
	}
	n := binary.LittleEndian.Uint32(s.record)
	if binary.LittleEndian.Uint64(s.record) == 0 {
		return nil, errTorn // a loss of power leaves zeros where nothing was written yet
	}
	if n > maxSegment {
		return nil, errDamaged
	}
	for left := int(n); left > 0; { // in pieces, lest a damaged length takes memory
		piece := min(left, 64<<10)
		start := len(s.record)
		s.record = append(s.record, make([]byte, piece)...)
		if _, err := io.ReadFull(s.in, s.record[start:]); err == io.EOF {
			return nil, errTorn
		} else if err != nil {
			return nil, torn(err)
		}
		left -= piece
	}
	if binary.LittleEndian.Uint32(s.record[4:]) != checksum(s.record) {
		return nil, errDamaged
	}
	return s.record[frameSize:], nil
}

// torn keeps an error of the disk apart from an early end.
func torn(err error) error {
	if err == io.ErrUnexpectedEOF {
		return errTorn
	}
	return err
}
