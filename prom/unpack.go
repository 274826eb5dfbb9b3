package prom

import (
	"bufio"
	"bytes"
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// widestWindow is how far back a zstd stream may refer, which is memory: as
// much as the zstd command allows unless it is told otherwise.
const widestWindow = 128 << 20

// Unpack returns what r holds, unpacked if it begins like gzip or zstd. done
// ends the unpacking.
func Unpack(r *bufio.Reader) (unpacked *bufio.Reader, done func(), err error) {
	head, err := peek(r)
	switch {
	case err != nil:
		return nil, nil, err
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fmt.Errorf("begins like gzip but is not: %w", err)
		}
		return bufio.NewReaderSize(z, bufferLength), func() {}, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		// A concurrency of 1 decodes where it is read, without goroutines.
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(widestWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("begins like zstd but is not: %w", err)
		}
		return bufio.NewReaderSize(z, bufferLength), z.Close, nil
	}
	return r, func() {}, nil
}
