package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A segment is a file NUMBER.journal, with a number of 16 digits. All numbers
// are little-endian:
//
//	 0  8 bytes   magic
//	 8  int64     stream
//	16  uint32    CRC-32C of what is before
//	20            records: uint32 length, uint32 CRC-32C of the length and of
//	              the bytes after it, then as many bytes
//
// Only the segment with the greatest number is written to. Where a record is
// not whole, the one who wrote it was cut off: nothing follows it.
const (
	magic      = "\x89fwjrn1\n"
	headerSize = 20
	frameSize  = 8
	suffix     = ".journal"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func header(stream int64) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(magic), uint64(stream))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseHeader(b []byte) (stream int64, err error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return 0, errors.New("not a segment of a journal")
	}
	if binary.LittleEndian.Uint32(b[16:]) != crc32.Checksum(b[:16], castagnoli) {
		return 0, errors.New("the head is damaged")
	}
	return int64(binary.LittleEndian.Uint64(b[8:])), nil
}

// seal fills in the frame of the record that begins at start and ends with b.
func seal(b []byte, start int) {
	record := b[start:]
	binary.LittleEndian.PutUint32(record, uint32(len(record)-frameSize))
	binary.LittleEndian.PutUint32(record[4:], checksum(record))
}

// checksum is that of a whole record, frame included.
func checksum(record []byte) uint32 {
	return crc32.Update(crc32.Checksum(record[:4], castagnoli), castagnoli, record[frameSize:])
}

func segmentPath(directory string, number uint64) string {
	return filepath.Join(directory, fmt.Sprintf("%016d%s", number, suffix))
}

// segments are the numbers of those in a directory, ascending.
func segments(directory string) ([]uint64, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), suffix)
		if n, err := strconv.ParseUint(text, 10, 64); ok && err == nil && e.Name() == filepath.Base(segmentPath(directory, n)) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// count is how many records of a segment are whole.
func count(path string) (n uint64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	if _, err := parseHeader(text); err != nil {
		return 0, nil
	}
	s := scanner{in: bytes.NewReader(text[headerSize:])}
	for {
		if _, err := s.next(); err != nil {
			return n, nil
		}
		n++
	}
}
