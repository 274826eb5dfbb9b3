package journal

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzRecord: whatever is read can be written, and is then read as the same.
func FuzzRecord(f *testing.F) {
	for _, e := range []*Entry{decided(), pick(), outcome(1), {Kind: Decision}} {
		f.Add(appendEntry(nil, 3, e))
	}
	f.Add([]byte{})
	f.Add([]byte{1, 9})
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err != nil {
			return
		}
		once := appendEntry(nil, r.Seq, &r.Entry)
		if len(once) > most(&r.Entry) {
			t.Errorf("%d bytes; want at most %d", len(once), most(&r.Entry))
		}
		again, err := parseRecord(once)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if twice := appendEntry(nil, again.Seq, &again.Entry); !bytes.Equal(once, twice) { // NaN is not itself
			t.Errorf("%x became %x", once, twice)
		}
	})
}

// FuzzSegment: no segment is fatal, and none hides the one after it.
func FuzzSegment(f *testing.F) {
	directory := f.TempDir()
	written(f, directory, 3)
	_, text := onlySegment(f, directory)
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add(text[:headerSize])
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Add(slices.Concat(text, make([]byte, 9)))
	f.Add(slices.Concat(text[:headerSize], []byte{0, 0, 0, 1, 1, 1, 1, 1}))
	f.Fuzz(func(t *testing.T, text []byte) {
		directory := t.TempDir()
		write(t, segmentPath(directory, 1), text)
		cfg := small()
		cfg.Stream = 0x7a1b2c3d4e5f6071
		last := appendEntry(make([]byte, frameSize), 1, pick())
		seal(last, 0)
		write(t, segmentPath(directory, 2), append(header(cfg.Stream), last...))
		n, seq, stream := 0, uint64(0), int64(0)
		for r, err := range Read(directory) {
			var damage *DamageError
			if err != nil && !errors.As(err, &damage) {
				t.Fatal(err)
			}
			if err == nil {
				if r.Stream == stream && r.Seq <= seq {
					t.Fatalf("%d after %d", r.Seq, seq)
				}
				n, seq, stream = n+1, r.Seq, r.Stream
			}
		}
		if stream != cfg.Stream || seq != 1 {
			t.Errorf("the last is %d of stream %d", seq, stream)
		}
		if n > 1+len(text)/frameSize {
			t.Errorf("%d records in %d bytes", n, len(text))
		}
	})
}

// FuzzPosition: what a program left there is taken or refused.
func FuzzPosition(f *testing.F) {
	f.Add([]byte(`{"Segment":1,"Offset":20,"Stream":7,"Seq":1}`))
	f.Add([]byte(`{"Segment":18446744073709551615,"Offset":9223372036854775807}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		directory := t.TempDir()
		write(t, filepath.Join(directory, positionFile), text)
		write(t, segmentPath(directory, 1), header(7))
		at, err := loadPosition(directory)
		if err != nil {
			return
		}
		c := cursor{directory: directory, at: at}
		for range 10 {
			if _, err := c.next(); err != nil {
				break
			}
		}
		c.close()
		if err := savePosition(directory, at); err != nil {
			t.Fatal(err)
		}
		if again, err := loadPosition(directory); err != nil || again != at {
			t.Errorf("%+v became %+v, %v", at, again, err)
		}
	})
}
