package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCrashAtEveryByte: what was complete is read, and nothing else.
func TestCrashAtEveryByte(t *testing.T) {
	full := t.TempDir()
	written(t, full, 4)
	_, text := onlySegment(t, full)
	var ends []int // of the records
	s := scanner{in: strings.NewReader(string(text[headerSize:]))}
	for end := headerSize; ; {
		b, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		end += frameSize + len(b)
		ends = append(ends, end)
	}
	cut := t.TempDir()
	path := segmentPath(cut, 1)
	for n := range len(text) + 1 {
		want := 0
		for _, end := range ends {
			if end <= n {
				want++
			}
		}
		write(t, path, text[:n])
		if got := whole(t, cut); len(got) != want {
			t.Fatalf("of %d bytes %d records are read; want %d", n, len(got), want)
		}
		write(t, path, append(text[:n:n], make([]byte, 100)...)) // as a loss of power leaves it
		got := 0
		for r, err := range Read(cut) {
			if err == nil && r.Seq != uint64(got+1) {
				t.Fatalf("of %d bytes and zeros comes seq %d", n, r.Seq)
			} else if err == nil {
				got++
			}
		}
		if got != want {
			t.Fatalf("of %d bytes and zeros %d records are read; want %d", n, got, want)
		}
	}
}

// TestANewRunAfterEveryCut: the reader passes the torn tail and goes on with
// the next run, which writes to a segment of its own.
func TestANewRunAfterEveryCut(t *testing.T) {
	full := t.TempDir()
	written(t, full, 2)
	_, text := onlySegment(t, full)
	for n := 0; n <= len(text); n += 7 {
		directory := t.TempDir()
		write(t, segmentPath(directory, 1), text[:n])
		cfg := small()
		cfg.Stream = 8
		j := open(t, directory, cfg)
		r := reader(t, j)
		before := len(next(t, r))
		j.Append(pick())
		flush(t, j)
		if got := seqs(next(t, r)); got != "8/1 " {
			t.Errorf("of %d bytes %d records, then %q", n, before, got)
		}
		acknowledge(t, r)
		if all, err := list(directory); err != nil || len(all) != 1 || all[0].aside {
			t.Errorf("of %d bytes: %+v is left; a torn segment is no damaged one (%v)", n, all, err)
		}
		r.Close()
		j.Close()
	}
}

// child writes to a journal, and says up to where it is durable, while another
// goroutine stores what it reads in a file beside, until it is killed.
func child(directory string) {
	cfg := small()
	stream, err := strconv.ParseInt(os.Getenv("FAIRWAY_JOURNAL_STREAM"), 10, 64)
	check(err)
	cfg.Stream, cfg.MaxBytes = stream, 64<<20
	j, err := Open(directory, cfg)
	check(err)
	go store(j, directory+".stored")
	for i := uint64(1); ; i++ {
		for !j.Append(outcome(int(i))) {
			check(j.Flush(context.Background()))
		}
		if i%50 == 0 {
			check(j.Flush(context.Background()))
			fmt.Println(i)
		}
	}
}

// store is a database of one file: a batch is one write.
func store(j *Journal, path string) {
	r, err := j.Reader()
	check(err)
	_, last, err := stored(path)
	check(err)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	check(err)
	for {
		batch, err := r.Next(nil, 20)
		check(err)
		text := ""
		for _, record := range batch {
			if record.Seq > last[record.Stream] {
				text += fmt.Sprintln(record.Stream, record.Seq)
				last[record.Stream] = record.Seq
			}
		}
		_, err = f.WriteString(text)
		check(err)
		check(r.Acknowledge())
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// stored are the lines of the file, and the last place of each stream.
func stored(path string) (lines []string, last map[int64]uint64, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	last = map[int64]uint64{}
	for line := range strings.Lines(string(text)) {
		var stream int64
		var seq uint64
		if _, err := fmt.Sscan(line, &stream, &seq); err != nil {
			return nil, nil, fmt.Errorf("%q: %w", line, err)
		}
		lines, last[stream] = append(lines, line), seq
	}
	return lines, last, nil
}

// TestKilled at random instants: what was durable is stored once, and no less.
func TestKilled(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "journal")
	random := rand.New(rand.NewPCG(1, 2))
	durable := map[int64]uint64{}
	const runs = 20
	for run := int64(1); run <= runs; run++ {
		durable[run] = kill(t, directory, run, random)
	}
	cfg := small()
	cfg.Stream, cfg.MaxBytes = runs+1, 64<<20
	j := open(t, directory, cfg)
	j.Append(pick()) // so that the last run is over
	flush(t, j)
	lines, last, err := stored(directory + ".stored")
	if err != nil {
		t.Fatal(err)
	}
	r := reader(t, j)
	late := 0
	for {
		batch := next(t, r)
		if len(batch) == 0 {
			break
		}
		for _, record := range batch {
			if record.Seq > last[record.Stream] {
				late++
				lines, last[record.Stream] = append(lines, fmt.Sprintln(record.Stream, record.Seq)), record.Seq
			}
		}
	}
	i := 0
	for run := int64(1); run <= runs; run++ {
		if last[run] < durable[run] {
			t.Errorf("run %d: %d entries were durable, the last that is stored is %d", run, durable[run], last[run])
		}
		for seq := uint64(1); seq <= last[run]; seq++ {
			if want := fmt.Sprintln(run, seq); i >= len(lines) || lines[i] != want {
				t.Fatalf("line %d of %d is not %q", i, len(lines), want)
			}
			i++
		}
	}
	t.Logf("%d entries in %d runs, each once; %d were caught up after the last", len(lines), runs, late)
}

// kill runs a child for a while, and returns up to where it was durable.
func kill(t *testing.T, directory string, run int64, random *rand.Rand) (durable uint64) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "FAIRWAY_JOURNAL_CHILD="+directory, fmt.Sprint("FAIRWAY_JOURNAL_STREAM=", run))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range random.IntN(12) {
		if !lines.Scan() {
			break // it failed: no signal was sent
		}
		durable, _ = strconv.ParseUint(lines.Text(), 10, 64)
	}
	time.Sleep(time.Duration(random.IntN(8000)) * time.Microsecond) // the instant is random
	c.Process.Kill()
	for lines.Scan() {
		durable, _ = strconv.ParseUint(lines.Text(), 10, 64)
	}
	if err := c.Wait(); err == nil || c.ProcessState.Exited() {
		t.Fatalf("run %d ended by itself: %v", run, err)
	}
	return durable
}
