package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestEntriesComeBackAsTheyWere, in order, also when the entry is used again.
func TestEntriesComeBackAsTheyWere(t *testing.T) {
	directory := t.TempDir()
	j := open(t, directory, small())
	want := []*Entry{decided(), pick(), outcome(1), {Kind: Decision, Time: noon, Service: "\x00\xff"}}
	e := &Entry{}
	for _, w := range want {
		*e = *w
		e.Weights = append([]float64(nil), w.Weights...)
		if !j.Append(e) {
			t.Fatal("an entry did not fit")
		}
		if len(e.Weights) > 0 {
			e.Weights[0] = 9
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	empty := Entry{Kind: Decision, Time: noon, Service: "\x00\xff", Endpoints: []string{}, Weights: []float64{}, Ejected: []bool{}, Notes: []string{}}
	want[3] = &empty
	got := whole(t, directory)
	for i := range want {
		if diff := cmp.Diff(Record{7, uint64(i + 1), *want[i]}, got[i]); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i, diff)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d entries; want %d", len(got), len(want))
	}
}

// TestAppendWhileOthersDo: nothing is lost without being counted.
func TestAppendWhileOthersDo(t *testing.T) {
	directory := t.TempDir()
	cfg := small()
	cfg.MaxBytes = 16 << 20
	j := open(t, directory, cfg)
	const callers, each = 8, 2000
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range each {
				j.Append(outcome(i))
				if i%100 == 0 {
					j.Stats()
				}
			}
		})
	}
	all.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.Append(pick())
	s := j.Stats()
	d := s.Dropped
	if s.Appended != callers*each+1 || s.Appended != s.Written+d.Queue+d.Disk+d.Size+d.Closed || d.Closed != 1 || d.Oldest != 0 {
		t.Errorf("%+v", s)
	}
	got := whole(t, directory)
	if uint64(len(got)) != s.Written {
		t.Errorf("%d entries on disk, %d written", len(got), s.Written)
	}
	for i, r := range got {
		if r.Seq != uint64(i+1) {
			t.Fatalf("entry %d has seq %d", i, r.Seq)
		}
	}
}

// TestWhatDoesNotFitIsCounted: a writer that is held up makes the queue run full.
func TestWhatDoesNotFitIsCounted(t *testing.T) {
	j := &Journal{cfg: small(), waiting: make([]byte, 0, small().Queue), wake: make(chan struct{}, 1)} // nobody writes
	n := uint64(0)
	for ; j.Append(outcome(1)); n++ {
	}
	big := outcome(1)
	big.Path = strings.Repeat("x", small().Queue)
	j.Append(big)
	j.stats.Err = errors.New("no space left")
	j.Append(outcome(1))
	if d := (Dropped{Queue: 1, Disk: 1, Size: 1}); j.stats.Dropped != d || j.stats.Appended != n+3 || n < 10 || d.Total() != 3 {
		t.Errorf("%+v after %d that fitted; want %+v", j.stats, n, d)
	}
	if cap(j.waiting) != small().Queue {
		t.Errorf("the queue has grown to %d", cap(j.waiting))
	}
}

// TestBound: segments go, the oldest first; what a Reader had not seen is counted.
func TestBound(t *testing.T) {
	for _, read := range []bool{false, true} {
		directory := t.TempDir()
		j := open(t, directory, small())
		if read {
			reader(t, j)
		}
		const n = 3000
		for i := range n {
			for !j.Append(outcome(i)) {
				flush(t, j)
			}
			if i%100 == 0 {
				flush(t, j)
				if s := j.Stats(); s.Bytes > small().MaxBytes {
					t.Fatalf("after %d entries %d bytes; want at most %d", i, s.Bytes, small().MaxBytes)
				}
			}
		}
		flush(t, j)
		s, got := j.Stats(), whole(t, directory)
		if last := got[len(got)-1]; last.Seq != n || s.Segments < 3 {
			t.Errorf("the newest is %d of %d in %d segments", last.Seq, n, s.Segments)
		}
		lost := uint64(n - len(got))
		if !read {
			lost = 0 // nobody was to read them
		}
		if s.Dropped.Oldest != lost {
			t.Errorf("with a reader: %v: %d counted; want %d", read, s.Dropped.Oldest, lost)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestAppendAllocatesNothing, whether the entry fits or not.
func TestAppendAllocatesNothing(t *testing.T) {
	j := &Journal{cfg: small(), waiting: make([]byte, 0, small().Queue), wake: make(chan struct{}, 1)} // nobody writes
	for _, e := range []*Entry{decided(), pick(), outcome(1)} {
		if n := testing.AllocsPerRun(100, func() { j.Append(e) }); n != 0 {
			t.Errorf("a %v takes %v allocations", e.Kind, n)
		}
	}
	if s := j.Stats(); s.Dropped.Queue == 0 || s.Appended == s.Dropped.Queue {
		t.Errorf("%+v: both are to be measured", s)
	}
}

func TestOneJournalPerDirectory(t *testing.T) {
	directory := t.TempDir()
	j := open(t, directory, small())
	if _, err := Open(directory, small()); err == nil || !strings.Contains(err.Error(), "another fairwayd") {
		t.Errorf("a second journal: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, directory, small()).Close(); err != nil {
		t.Error(err)
	}
	if err := j.Flush(t.Context()); err == nil {
		t.Error("a closed journal flushes")
	}
}

func TestNoJournal(t *testing.T) {
	var j *Journal
	if j.Append(pick()) || j.Sampled(0) || j.Stats() != (Stats{}) || j.Flush(context.Background()) != nil || j.Close() != nil {
		t.Error("a nil journal does something")
	}
}

func TestSampled(t *testing.T) {
	cfg := small()
	for _, c := range []struct {
		part   float64
		random uint64
		want   bool
	}{{0, 0, false}, {1, 1<<64 - 1, true}, {0.5, 1 << 62, true}, {0.5, 3 << 62, false}} {
		cfg.Sample = c.part
		j := open(t, t.TempDir(), cfg)
		if got := j.Sampled(c.random); got != c.want {
			t.Errorf("a part of %v samples %d: %v", c.part, c.random, got)
		}
		j.Close()
	}
}

func TestConfigIsChecked(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Stream = 1
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if err := small().Validate(); err != nil {
		t.Error(err)
	}
	err := Config{Sample: 2}.Validate()
	for _, word := range []string{"stream", "queue", "bytes", "sync", "sample"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not name the %s: %v", word, err)
		}
	}
	if _, err := Open(t.TempDir(), Config{}); err == nil {
		t.Error("a journal without a config opens")
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	if _, err := Open(file, small()); err == nil {
		t.Error("a file is opened as a directory")
	}
}

// TestADirectoryThatGoes: Append goes on, the error is told once, and writing
// begins again where it can.
func TestADirectoryThatGoes(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "journal")
	cfg := small()
	told := make(chan error, 100)
	cfg.Trouble = func(err error) { told <- err }
	j := open(t, directory, cfg)
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	write(t, directory, nil) // in the way of another one
	j.Append(pick())
	if err := <-told; err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("told %v", err)
	}
	for j.Append(pick()) {
	}
	if s := j.Stats(); s.Err == nil || s.Dropped.Disk == 0 {
		t.Errorf("%+v; want an error and what was dropped for it", s)
	}
	if err := os.Remove(directory); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Errorf("told %v; want that all is well", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	s := j.Stats()
	if got := whole(t, directory); uint64(len(got)) != s.Written || s.Appended != s.Written+s.Dropped.Total() {
		t.Errorf("%d on disk, %+v", len(got), s)
	}
	if len(told) != 0 {
		t.Errorf("told %d more times", len(told))
	}
}

// TestADirectoryThatGoesWhileWritten: the segment that is written to is no longer where
// it was. That is told once, and another one begun, in a directory that nobody else can
// take hold of.
func TestADirectoryThatGoesWhileWritten(t *testing.T) {
	for name, remove := range map[string]func(directory string) error{
		"with its parent": func(directory string) error { return os.RemoveAll(filepath.Dir(directory)) },
		"the segment alone": func(directory string) error {
			path, _ := onlySegment(t, directory)
			return os.Remove(path)
		},
		"put aside, and another one made": func(directory string) error {
			return errors.Join(os.Rename(directory, directory+".old"), os.Mkdir(directory, 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), "state", "journal")
			cfg := small()
			told := make(chan error, 100)
			cfg.Trouble = func(err error) { told <- err }
			j := open(t, directory, cfg)
			r := reader(t, j)
			j.Append(outcome(1))
			flush(t, j)
			if got := seqs(next(t, r)); got != "7/1 " {
				t.Fatalf("read %q", got)
			}
			if err := remove(directory); err != nil {
				t.Fatal(err)
			}
			if err := <-told; err == nil || !strings.Contains(err.Error(), "taken "+directory) || !strings.Contains(err.Error(), "away") {
				t.Errorf("told %v", err)
			}
			if err := <-told; err != nil {
				t.Errorf("told %v; want that all is well", err)
			}
			j.Append(outcome(2))
			flush(t, j)
			if got := seqs(next(t, r)); got != "7/2 " {
				t.Errorf("then read %q", got)
			}
			if other, err := Open(directory, small()); err == nil {
				other.Close()
				t.Error("another journal is opened in its directory")
			}
			r.Close()
			if err := j.Close(); err != nil {
				t.Error(err)
			}
			if got := seqs(whole(t, directory)); got != "7/2 " {
				t.Errorf("on disk: %q", got)
			}
			if len(told) != 0 {
				t.Errorf("told %d more times", len(told))
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	j := open(t, t.TempDir(), small())
	j.Append(pick())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.Append(pick())
	want := `# HELP fairway_journal_appended_total Entries that were to be kept.
# TYPE fairway_journal_appended_total counter
fairway_journal_appended_total 2
# HELP fairway_journal_dropped_total Entries that were lost, by why.
# TYPE fairway_journal_dropped_total counter
fairway_journal_dropped_total{reason="closed"} 1
fairway_journal_dropped_total{reason="disk"} 0
fairway_journal_dropped_total{reason="oldest"} 0
fairway_journal_dropped_total{reason="queue"} 0
fairway_journal_dropped_total{reason="size"} 0
# HELP fairway_journal_failing 1 while nothing can be written to disk.
# TYPE fairway_journal_failing gauge
fairway_journal_failing 0
# HELP fairway_journal_written_total Entries that were written to disk.
# TYPE fairway_journal_written_total counter
fairway_journal_written_total 1
`
	err := testutil.CollectAndCompare(Metrics(j), strings.NewReader(want), "fairway_journal_appended_total",
		"fairway_journal_dropped_total", "fairway_journal_failing", "fairway_journal_written_total")
	if err != nil {
		t.Error(err)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(Metrics(nil))
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// BenchmarkAppend writes to a real disk meanwhile, but waits for it, uncounted,
// before the queue is full: what is dropped costs less.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name string
		e    *Entry
	}{{"pick", pick()}, {"outcome", outcome(1)}, {"decision", decided()}} {
		b.Run(c.name, func(b *testing.B) {
			cfg := DefaultConfig()
			cfg.Stream, cfg.MaxBytes = 1, 64<<20
			j := open(b, b.TempDir(), cfg)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				j.Append(c.e)
				if i%10_000 == 9_999 {
					b.StopTimer()
					flush(b, j)
					b.StartTimer()
				}
			}
			if s := j.Stats(); s.Dropped.Total() > 0 {
				b.Errorf("%+v: dropping is not what is measured", s)
			}
			j.Close()
		})
	}
}
