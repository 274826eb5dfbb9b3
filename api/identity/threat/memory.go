package threat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// Memory is a directory in which what a Judge knows outlives the process, in two files:
// who is raised and what operators said is written when that changes, what is usual of
// all every minute. Both are of the daemon's user alone: they say who is feared, and
// whoever can write them can have others forgotten.
type Memory struct {
	judge   *Judge
	dir     string
	release func() error
	saves   *prometheus.CounterVec
	failing bool
}

const (
	levelsFile, baselinesFile = "levels", "baselines"
	// baselinesEvery is how much of what is usual a kill can cost, and soon how much of
	// what was changed.
	baselinesEvery, soon = time.Minute, 200 * time.Millisecond
	// mostSaved bounds a file, in bytes: several times what there can be.
	mostSaved = 64 << 20
)

// OpenMemory takes hold of dir, which is made where it is missing, and has the judge go
// on from what it finds there, before anybody is judged. What cannot be believed is
// dropped with a warning. The error is that nothing can be kept.
func OpenMemory(dir string, judge *Judge, now time.Time, reg prometheus.Registerer) (*Memory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("threat: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("threat: %w", err)
	}
	release, err := durable.Lock(filepath.Join(dir, "lock"), 0o600)
	if err != nil {
		return nil, fmt.Errorf("threat: %w: does another fairwayd write there?", err)
	}
	m := &Memory{judge: judge, dir: dir, release: release}
	m.saves = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_threat_saves_total",
		Help: "How often what is known of callers was written to the disk, by what (levels, baselines) and result (ok, failed).",
	}, []string{"what", "result"})
	restored := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_threat_restored",
		Help: "Of how many callers levels, those that are raised, and baselines were found on the disk at the start.",
	}, []string{"what"})
	for _, what := range []string{levelsFile, baselinesFile} {
		m.saves.WithLabelValues(what, "ok")
		m.saves.WithLabelValues(what, "failed")
	}
	reg.MustRegister(m.saves, restored)
	m.sweep()
	judge.begin(now)
	baselines := m.restore(baselinesFile, now, judge.RestoreBaselines)
	levels := m.restore(levelsFile, now, judge.RestoreLevels)
	restored.WithLabelValues(levelsFile).Set(float64(levels))
	restored.WithLabelValues(baselinesFile).Set(float64(baselines))
	if levels+baselines > 0 {
		judge.cfg.Log.Info("threats: callers are known from before", "baselines", baselines, "raised", levels)
	}
	return m, nil
}

// sweep removes what was being written when a process before this one died.
func (m *Memory) sweep() {
	entries, _ := os.ReadDir(m.dir) // what is left costs space, no more
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), durable.Prefix) {
			_ = os.Remove(filepath.Join(m.dir, e.Name()))
		}
	}
}

// restore reads a file, unless nothing is to be kept.
func (m *Memory) restore(name string, now time.Time, restore func([]byte, time.Time) (int, error)) int {
	path := filepath.Join(m.dir, name)
	if m.judge.off() {
		_ = os.Remove(path)
		return 0
	}
	text, err := readOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	n := 0
	if err == nil {
		n, err = restore(text, now)
	}
	if err != nil {
		m.judge.cfg.Log.Warn("threats: what was known of callers is dropped", "file", path, "error", err)
	}
	return n
}

// readOwn reads a file that nobody can have written but who may do anything here.
func readOwn(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	case info.Mode().Perm()&0o002 != 0:
		return nil, fmt.Errorf("its mode is %v: anybody can have written it", info.Mode())
	case info.Size() > mostSaved:
		return nil, fmt.Errorf("it has %d bytes, more than there can be", info.Size())
	}
	return os.ReadFile(path)
}

// Run writes until ctx ends, and then what is known last.
func (m *Memory) Run(ctx context.Context) {
	every := time.NewTicker(baselinesEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			m.Save()
			return
		case <-every.C:
			m.Save()
			continue
		case <-m.judge.Changed():
		}
		select { // what changes together is written together
		case <-ctx.Done():
		case <-time.After(soon):
			m.save(levelsFile, m.judge.SaveLevels)
		}
	}
}

// Save writes everything. It is not to be called while Run does.
func (m *Memory) Save() {
	m.save(levelsFile, m.judge.SaveLevels)
	m.save(baselinesFile, m.judge.SaveBaselines)
}

// save writes a file, or removes it where nothing is to be kept.
func (m *Memory) save(name string, save func() []byte) {
	path, text := filepath.Join(m.dir, name), save()
	var err error
	if text == nil {
		if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	} else {
		err = durable.WriteText(path, 0o600, text)
	}
	switch {
	case err != nil && !m.failing:
		m.judge.cfg.Log.Error("threats: what is known of callers cannot be kept; a restart would forget it", "error", err)
	case err == nil && m.failing:
		m.judge.cfg.Log.Info("threats: what is known of callers is kept again")
	}
	m.failing = err != nil
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.saves.WithLabelValues(name, result).Inc()
}

// Close lets another have the directory. A nil Memory keeps nothing.
func (m *Memory) Close() error {
	if m == nil {
		return nil
	}
	return m.release()
}
