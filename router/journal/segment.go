package journal

import (
	"bytes"
	"cmp"
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
// cut off, so was the one who wrote it: nothing follows it.
const (
	magic      = "\x89fwjrn1\n"
	headerSize = 20
	frameSize  = 8
	suffix     = ".journal"
	damaged    = ".damaged" // after the suffix
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

// segment is a file of a journal.
type segment struct {
	path   string
	number uint64
	aside  bool // it is damaged, and no longer read
	size   int64
}

func segmentPath(directory string, number uint64) string {
	return filepath.Join(directory, fmt.Sprintf("%016d%s", number, suffix))
}

// list is what a directory holds: first what was set aside, then what is read,
// both by their numbers.
func list(directory string) ([]segment, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		name, aside := strings.CutSuffix(e.Name(), damaged)
		text, ok := strings.CutSuffix(name, suffix)
		n, err := strconv.ParseUint(text, 10, 64)
		if !ok || err != nil || n == 0 || name != filepath.Base(segmentPath(directory, n)) {
			continue
		}
		if stat, err := e.Info(); err == nil { // else it has just gone
			all = append(all, segment{filepath.Join(directory, e.Name()), n, aside, stat.Size()})
		}
	}
	slices.SortFunc(all, func(a, b segment) int {
		if a.aside != b.aside {
			if a.aside {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.number, b.number)
	})
	return all, nil
}

// following is the first segment from number on that is read; 0: there is none.
func following(directory string, number uint64) (uint64, error) {
	all, err := list(directory)
	for _, s := range all {
		if !s.aside && s.number >= number {
			return s.number, nil
		}
	}
	return 0, err
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
