package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReaderFollows the writer over segments, and takes away what it is done
// with.
func TestReaderFollows(t *testing.T) {
	directory := t.TempDir()
	j := open(t, directory, small())
	r := reader(t, j)
	if got := next(t, r); len(got) != 0 {
		t.Errorf("nothing was written, and %d entries come", len(got))
	}
	if _, err := j.Reader(); err == nil {
		t.Error("there are two readers")
	}
	seq, batch := uint64(0), []Record(nil)
	for i := range 2000 {
		for !j.Append(outcome(i)) {
			flush(t, j)
		}
		if i%37 != 36 {
			continue
		}
		flush(t, j)
		for {
			var err error
			if batch, err = r.Next(batch[:0], 10); err != nil {
				t.Fatal(err)
			}
			if len(batch) == 0 {
				break
			}
			for _, got := range batch {
				if seq++; got.Seq != seq || got.Stream != 7 || got.Path != outcome(int(seq)-1).Path {
					t.Fatalf("got %+v; want seq %d", got, seq)
				}
			}
			acknowledge(t, r)
		}
	}
	if s := j.Stats(); seq != 1998 || s.Dropped.Oldest != 0 || s.Segments > 2 {
		t.Errorf("%d entries came, %+v", seq, s)
	}
}

// TestReaderBeginsWhereItWasAcknowledged, in another run, with a batch for each
// stream.
func TestReaderBeginsWhereItWasAcknowledged(t *testing.T) {
	directory := t.TempDir()
	written(t, directory, 5)
	cfg := small()
	cfg.Stream = 8
	j := open(t, directory, cfg)
	j.Append(pick())
	j.Append(pick())
	flush(t, j)
	r := reader(t, j)
	first, err := r.Next(nil, 3)
	if err != nil || seqs(first) != "7/1 7/2 7/3 " {
		t.Fatal(seqs(first), err)
	}
	acknowledge(t, r)
	for _, want := range []string{"7/4 7/5 ", "8/1 8/2 ", ""} {
		if got := seqs(next(t, r)); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	r.Close() // as a crash would
	r = reader(t, j)
	if got := seqs(next(t, r)); got != "7/4 7/5 " {
		t.Errorf("a new reader begins with %q", got)
	}
	acknowledge(t, r) // but the next stream has been looked at already
	r.Close()
	r = reader(t, j)
	if got := seqs(next(t, r)); got != "8/1 8/2 " {
		t.Errorf("after the second acknowledgement: %q", got)
	}
	acknowledge(t, r)
	if s := j.Stats(); s.Segments != 1 {
		t.Errorf("%d segments are left; want that of the last stream", s.Segments)
	}
	acknowledge(t, r) // again, of nothing
}

// TestADamagedSegment is told once, set aside, and not the end.
func TestADamagedSegment(t *testing.T) {
	for name, damage := range map[string]func([]byte){
		"magic":  func(b []byte) { b[0]++ },
		"stream": func(b []byte) { b[9]++ },
		"length": func(b []byte) { b[headerSize+3] = 0xff },
		"record": func(b []byte) { b[headerSize+frameSize+5]++ },
	} {
		directory := t.TempDir()
		written(t, directory, 3)
		path, text := onlySegment(t, directory)
		damage(text)
		write(t, path, text)
		told := 0
		for _, err := range Read(directory) {
			var d *DamageError
			if !errors.As(err, &d) || d.Path != path || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: read alone: %v", name, err)
			}
			told++
		}
		if told != 1 {
			t.Errorf("%s: read alone, it tells %d times", name, told)
		}
		cfg := small()
		cfg.Stream = 8
		j := open(t, directory, cfg)
		r := reader(t, j)
		if got := next(t, r); len(got) != 0 {
			t.Errorf("%s: %d entries come out of it", name, len(got))
		}
		j.Append(pick())
		flush(t, j)
		var d *DamageError
		if got, err := r.Next(nil, 10); len(got) != 0 || !errors.As(err, &d) {
			t.Errorf("%s: %d entries, %v", name, len(got), err)
		}
		if got := seqs(next(t, r)); got != "8/1 " {
			t.Errorf("%s: then %q", name, got)
		}
		acknowledge(t, r)
		if _, err := os.Stat(path + damaged); err != nil {
			t.Errorf("%s: it was not set aside: %v", name, err)
		}
		if s := j.Stats(); s.Segments != 2 || s.Bytes < int64(len(text)) {
			t.Errorf("%s: the bound forgets it: %+v", name, s)
		}
		r.Close()
		j.Close()
		if got := seqs(whole(t, directory)); got != "8/1 " {
			t.Errorf("%s: left are %q", name, got)
		}
	}
}

// TestDamageComesAfterWhatWasWhole: a batch ends before the error.
func TestDamageComesAfterWhatWasWhole(t *testing.T) {
	directory := t.TempDir()
	written(t, directory, 3)
	path, text := onlySegment(t, directory)
	text[len(text)-1]++
	write(t, path, text)
	j := open(t, directory, small()) // the same stream goes on, as it never does
	flush(t, j)
	r := reader(t, j)
	if got := seqs(next(t, r)); got != "7/1 7/2 " {
		t.Error(got)
	}
	acknowledge(t, r)
	write(t, filepath.Join(directory, "0000000000000002.journal"), header(8))
	if got, err := r.Next(nil, 10); len(got) != 0 || err == nil {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

// TestSegmentsTakenFromUnderTheReader are counted, and it goes on behind them.
func TestSegmentsTakenFromUnderTheReader(t *testing.T) {
	directory := t.TempDir()
	j := open(t, directory, small())
	r := reader(t, j)
	seq := uint64(0)
	j.Append(outcome(0))
	flush(t, j)
	if got := seqs(next(t, r)); got != "7/1 " {
		t.Fatal(got)
	}
	for i := 1; i < 2000; i++ {
		for !j.Append(outcome(i)) {
			flush(t, j)
		}
	}
	flush(t, j)
	got := uint64(1)
	for _, record := range next(t, r) {
		if record.Seq <= seq {
			t.Fatalf("%d after %d", record.Seq, seq)
		}
		seq = record.Seq
		got++
	}
	if lost := j.Stats().Dropped.Oldest; seq != 2000 || got+lost != 2000 || lost == 0 {
		t.Errorf("%d entries came, the last is %d, %d were counted as lost", got, seq, lost)
	}
}

// TestARecordThatWasWrittenTwice is given once.
func TestARecordThatWasWrittenTwice(t *testing.T) {
	directory := t.TempDir()
	written(t, directory, 3)
	_, text := onlySegment(t, directory)
	write(t, filepath.Join(directory, "0000000000000002.journal"), text)
	if got := seqs(whole(t, directory)); got != "7/1 7/2 7/3 " {
		t.Error(got)
	}
}

// TestPosition: one that cannot be read is told; all comes again.
func TestPosition(t *testing.T) {
	for _, text := range []string{"", "{", `{"Segment":1,"Offset":3}`, `{"Segment":-1}`} {
		directory := t.TempDir()
		written(t, directory, 2)
		write(t, filepath.Join(directory, positionFile), []byte(text))
		j := open(t, directory, small())
		r := reader(t, j)
		if _, err := r.Next(nil, 1); err == nil || !strings.Contains(err.Error(), positionFile) {
			t.Errorf("%q: %v", text, err)
		}
		if got := seqs(next(t, r)); got != "7/1 7/2 " {
			t.Errorf("%q: then %q", text, got)
		}
		r.Close()
		j.Close()
	}
}

// TestNumbersGoOn where somebody took the segments away.
func TestNumbersGoOn(t *testing.T) {
	directory := t.TempDir()
	written(t, directory, 2)
	j := open(t, directory, small())
	r := reader(t, j)
	next(t, r)
	acknowledge(t, r)
	path, _ := onlySegment(t, directory)
	r.Close()
	j.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	cfg := small()
	cfg.Stream = 8
	j = open(t, directory, cfg)
	j.Append(pick())
	flush(t, j)
	if got := seqs(next(t, reader(t, j))); got != "8/1 " {
		t.Errorf("got %q", got)
	}
}
