package model

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// The file, all numbers little-endian:
//
//	 0  8 bytes   magic
//	 8  uint32    version of this layout
//	12  uint32    length of the header
//	16  uint64    length of the parameters
//	24            header: the Model as JSON, without the weights
//	              parameters: float32; of each layer of Routing, of its
//	              members, of its whitening, then of Failure, first W, then B
//	              SHA-256 of everything before
const (
	magic         = "\x89fairway"
	layout        = 3 // 1 had neither members nor a whitening; up to 2 the failure network had other inputs
	oldFailures   = 2 // the last layout of those
	prologue      = 24
	maxHeader     = 16 << 20
	maxParameters = 64 << 20 // bytes; the origin's network has 52 KB
)

// Write validates m and writes it in the file format.
func Write(w io.Writer, m *Model) error {
	if err := m.Validate(); err != nil {
		return err
	}
	header, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("model: header: %w", err)
	}
	parameters := 4 * m.parameters()
	if len(header) > maxHeader || parameters > maxParameters {
		return fmt.Errorf("model: %d bytes of header and %d of parameters; at most %d and %d fit in a file", len(header), parameters, maxHeader, maxParameters)
	}
	sum := sha256.New()
	buffered := bufio.NewWriter(io.MultiWriter(w, sum))
	start := make([]byte, prologue)
	copy(start, magic)
	binary.LittleEndian.PutUint32(start[8:], layout)
	binary.LittleEndian.PutUint32(start[12:], uint32(len(header)))
	binary.LittleEndian.PutUint64(start[16:], uint64(parameters))
	buffered.Write(start) // bufio keeps the first error for Flush
	buffered.Write(header)
	var word [4]byte
	for values := range m.blob() {
		for _, v := range *values {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			buffered.Write(word[:])
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("model: write: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("model: write: %w", err)
	}
	return nil
}

// Read reads what Write wrote, up to the end of r, and validates it. The error
// says whether the file is of another kind, newer, cut off, changed, or
// followed by something. Memory grows with what is really there, never with
// what the file claims.
func Read(r io.Reader) (*Model, error) {
	content, headerLength, version, err := verify(r)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m := &Model{}
	if err := json.Unmarshal(content[:headerLength], m); err != nil {
		return nil, fmt.Errorf("model: header: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("model: header says format %q; this program reads %q", m.Format, Format)
	}
	if err := m.fill(content[headerLength:]); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if version <= oldFailures {
		if err := m.forgetful(); err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// verify returns header and parameters, in one slice, once their checksum
// holds, and the version of the layout.
func verify(r io.Reader) (content []byte, headerLength int, version uint32, err error) {
	sum := sha256.New()
	start := make([]byte, prologue)
	n, err := io.ReadFull(r, start)
	if known := min(n, len(magic)); n == 0 || string(start[:known]) != magic[:known] {
		return nil, 0, 0, fmt.Errorf("not a model file: it begins with %q, not %q", start[:min(n, len(magic))], magic)
	}
	if err != nil {
		return nil, 0, 0, cut("prologue", n, prologue, err)
	}
	sum.Write(start)
	version = binary.LittleEndian.Uint32(start[8:])
	if version < 1 || version > layout {
		return nil, 0, 0, fmt.Errorf("layout version %d; this program reads 1 to %d: train again, or use the program that wrote it", version, layout)
	}
	header, parameters := binary.LittleEndian.Uint32(start[12:]), binary.LittleEndian.Uint64(start[16:])
	if header > maxHeader || parameters > maxParameters || parameters%4 != 0 {
		return nil, 0, 0, fmt.Errorf("damaged: it claims %d bytes of header and %d of parameters; at most %d and %d are possible, the latter in fours", header, parameters, maxHeader, maxParameters)
	}
	var buffer bytes.Buffer
	want := int64(header) + int64(parameters)
	if n, err := io.CopyN(io.MultiWriter(&buffer, sum), r, want); err != nil {
		return nil, 0, 0, cut("header and parameters", int(n), int(want), err)
	}
	var stored [sha256.Size]byte
	if n, err := io.ReadFull(r, stored[:]); err != nil {
		return nil, 0, 0, cut("checksum", n, sha256.Size, err)
	}
	if !bytes.Equal(stored[:], sum.Sum(nil)) {
		return nil, 0, 0, errors.New("damaged: the SHA-256 at its end does not match its content")
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return nil, 0, 0, errors.New("something follows the end of the model")
	} else if err != io.EOF {
		return nil, 0, 0, err
	}
	return buffer.Bytes(), int(header), version, nil
}

func cut(what string, got, want int, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("cut off: %s has %d of %d bytes", what, got, want)
	}
	return fmt.Errorf("read %s: %w", what, err)
}
