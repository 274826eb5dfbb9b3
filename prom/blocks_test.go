package prom

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/tsdb"
)

// oneBlock writes a situation as one block and returns its folder.
func oneBlock(t testing.TB, dir, notation string) string {
	t.Helper()
	before := map[string]bool{}
	for _, name := range listing(t, dir) {
		before[name] = true
	}
	writeBlocks(t, situation(t, notation), dir)
	for _, name := range listing(t, dir) {
		if !before[name] && !strings.Contains(name, "/") {
			return filepath.Join(dir, name)
		}
	}
	t.Fatal("no block was written")
	return ""
}

// counted returns how many samples the series requests_total has.
func counted(t testing.TB, d *Dump) float64 {
	t.Helper()
	_, end := d.Span()
	rows, err := d.Range(t.Context(), "sum(count_over_time(requests_total[1d]))", end, end, 0)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	return rows[0].Values[0]
}

// adopt writes into the meta.json of child that it was made from parent.
func adopt(t testing.TB, child, parent string) {
	t.Helper()
	read := func(dir string) (m tsdb.BlockMeta) {
		text, err := os.ReadFile(filepath.Join(dir, "meta.json"))
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m, p := read(child), read(parent)
	m.Compaction.Parents = []tsdb.BlockDesc{{ULID: p.ULID, MinTime: p.MinTime, MaxTime: p.MaxTime}}
	text, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(filepath.Join(child, "meta.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOverlappingBlocksGiveEachSampleOnce(t *testing.T) {
	dir := t.TempDir()
	oneBlock(t, dir, `requests_total{pod="a"} 0+50x4`)
	oneBlock(t, dir, `requests_total{pod="a"} _ _ 100+50x3`)
	if n := counted(t, open(t, dir)); n != 6 {
		t.Errorf("%v samples, want 6", n)
	}
}

// After a compaction the parents lie beside their child until they are
// deleted; a parent that is already damaged is nothing to complain of.
func TestParentsAreNotRead(t *testing.T) {
	dir := t.TempDir()
	parent := oneBlock(t, dir, `requests_total{pod="a"} 0+50x4`)
	child := oneBlock(t, dir, `requests_total{pod="a"} 0+50x3`) // to tell them apart
	adopt(t, child, parent)
	if n := counted(t, open(t, dir)); n != 4 {
		t.Errorf("%v samples, want the 4 of the child", n)
	}
	if err := os.RemoveAll(filepath.Join(parent, "chunks")); err != nil {
		t.Fatal(err)
	}
	if n := counted(t, open(t, dir)); n != 4 {
		t.Errorf("%v samples, want the 4 of the child", n)
	}
}

func TestBlocksInTheMaking(t *testing.T) {
	dir := t.TempDir()
	oneBlock(t, dir, `requests_total{pod="a"} 0+50x4`)
	for _, suffix := range []string{".tmp-for-creation", ".tmp-for-deletion"} {
		block := oneBlock(t, dir, `requests_total{pod="b"} 0+50x4`)
		if err := os.Rename(block, block+suffix); err != nil {
			t.Fatal(err)
		}
	}
	if n := counted(t, open(t, dir)); n != 5 {
		t.Errorf("%v samples, want those of the one block that is complete", n)
	}
}

// While the folder is read a server compacts: the child appears, then the
// parent goes. There is no instant at which one of them could not be read.
func TestCompactionWhileOpening(t *testing.T) {
	dir := t.TempDir()
	parent := oneBlock(t, dir, `requests_total{pod="a"} 0+50x4`)
	child := oneBlock(t, dir, `requests_total{pod="a"} 0+50x4`)
	adopt(t, child, parent)
	if err := os.Rename(child, child+".tmp-for-creation"); err != nil {
		t.Fatal(err)
	}
	compact := func() error {
		return errors.Join(os.Rename(child+".tmp-for-creation", child), os.Rename(parent, parent+".tmp-for-deletion"))
	}
	undo := func() error {
		return errors.Join(os.Rename(parent+".tmp-for-deletion", parent), os.Rename(child, child+".tmp-for-creation"))
	}
	for i := range 200 {
		turn := compact
		if i%2 == 1 {
			turn = undo
		}
		turned := make(chan error, 1)
		go func() { turned <- turn() }()
		d, err := Open(t.Context(), dir)
		if bad := <-turned; err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		if n := counted(t, d); n != 5 {
			t.Fatalf("%v samples, want 5", n)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := openEach(t.Context(), []string{parent, filepath.Join(dir, "gone")})
	if !errors.Is(err, errGone) {
		t.Errorf("error %v for a block that is gone", err)
	}
}

// states lists what lies in a folder, with sizes and times.
func states(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Size(), info.ModTime(), info.Mode()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// standsStill reports whether each thread of a process is stopped: one that is writing
// when the signal comes ends that first.
func standsStill(t testing.TB, process *os.Process) bool {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", process.Pid))
	if err != nil || len(stats) == 0 {
		t.Fatalf("no threads of process %d: %v", process.Pid, err)
	}
	return !slices.ContainsFunc(stats, func(path string) bool {
		stat, err := os.ReadFile(path)
		return err != nil || !strings.Contains(string(stat), ") T ")
	})
}

// A Prometheus has the folder open, and newer samples in its head.
func TestBlocksOfARunningServer(t *testing.T) {
	dir := t.TempDir()
	oneBlock(t, dir, `requests_total{pod="a"} 0+50x30`)
	if d := open(t, dir); len(d.Notes) != 0 {
		t.Errorf("notes on a folder without a log: %q", d.Notes)
	}
	server, process := serveBlocks(t, dir, true)
	until(t, "scraped", func() bool { return strings.Contains(get(t, server+"/api/v1/query?query=up"), `"metric"`) })

	// It stands still, so that whatever changes is our doing.
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "stopped", func() bool { return standsStill(t, process) })
	before := states(t, dir)
	d, err := Open(t.Context(), dir)
	if err == nil {
		if n := counted(t, d); n != 31 {
			t.Errorf("%v samples, want 31", n)
		}
		err = d.Close()
	}
	after := states(t, dir)
	if err := errors.Join(err, process.Signal(syscall.SIGCONT)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("reading changed the folder: %s", diff)
	}
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], dir) || !strings.Contains(d.Notes[0], "snapshot") {
		t.Errorf("notes %q, want one about the write-ahead log", d.Notes)
	}
	if _, end := d.Span(); time.Since(end) < time.Hour {
		t.Errorf("ends at %s: the head was read", end)
	}
}

// What a real Prometheus federates has timestamps, in milliseconds; one such
// scrape is an instant, and several of them in one file are a history.
func TestFederation(t *testing.T) {
	server, _ := serveBlocks(t, t.TempDir(), true)
	federate := func() string { return get(t, server+"/federate?match[]=up") }
	first, second := "", ""
	until(t, "scraped", func() bool { first = federate(); return strings.Contains(first, "up{") })
	if d := open(t, keep(t, first)); !d.Instant() {
		t.Errorf("one scrape is taken for a history: %s", first)
	}
	until(t, "scraped again", func() bool { second = federate(); return second != first && strings.Contains(second, "up{") })
	d := open(t, keep(t, first+second))
	if start, end := d.Span(); d.Instant() || !start.Before(end) || time.Since(end).Abs() > time.Hour {
		t.Errorf("from %s to %s, instant: %t", start, end, d.Instant())
	}
}

// What is wrong with a folder is said, and what to do about it.
func TestFoldersThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir, block string) (give string, err error)
		want  string
	}{
		"an index that is cut": {func(dir, block string) (string, error) { return dir, os.Truncate(filepath.Join(block, "index"), 100) },
			"the block is damaged or cut: copy it again"},
		"a meta.json that is cut": {func(dir, block string) (string, error) { return dir, os.Truncate(filepath.Join(block, "meta.json"), 3) },
			"meta.json: unexpected end of JSON input; the block is damaged or cut"},
		"downsampled": {func(dir, block string) (string, error) {
			return dir, os.WriteFile(filepath.Join(block, "meta.json"), []byte(`{"version":1,"thanos":{"downsample":{"resolution":300000}}}`), 0o600)
		}, "Thanos downsampled this block to a sample every 5m0s"},
		"the folder of a dump": {func(dir, block string) (string, error) { return filepath.Join(block, "chunks"), nil },
			"a dump is given itself, such as "},
		"the folder of the snapshots": {func(dir, _ string) (string, error) { return filepath.Dir(dir), nil },
			"snapshot, for one: give that folder"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "snapshot")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			give, err := c.spoil(dir, oneBlock(t, dir, `requests_total{pod="a"} 0+1x8`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), give); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error: %v\nwant:  %s", err, c.want)
			}
		})
	}
}
