package file

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ discovery.Source = (*Source)(nil)

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace writes a file as programs should: another, renamed.
func replace(t testing.TB, name, text string) {
	t.Helper()
	write(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// logged is a log that tests read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// watching reads again only after an hour: what is seen was told by the system.
func watching(t testing.TB, files ...string) (*sinktest.Sink, *logged) {
	t.Helper()
	log := &logged{}
	cfg := DefaultConfig()
	cfg.Files, cfg.Reread, cfg.Settle = files, time.Hour, time.Millisecond
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sink, _ := sinktest.Watch(t, s)
	return sink, log
}

const one = `- targets: ["10.0.0.1:80"]
  labels: {service: cart}
`

func TestFollowsFiles(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "cart.yaml")
	write(t, name, one)
	sink, _ := watching(t, filepath.Join(dir, "*.yaml"))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced && s.Has("cart", "10.0.0.1:80=10.0.0.1:80") })

	replace(t, name, strings.Replace(one, "10.0.0.1", "10.0.0.2", 1))
	sink.Until(t, "replaced", func(s *sinktest.State) bool { return s.Has("cart", "10.0.0.2:80=10.0.0.2:80") })

	write(t, filepath.Join(dir, "more.yaml"), one) // a second file of the same service
	sink.Until(t, "joined", func(s *sinktest.State) bool {
		return s.Has("cart", "10.0.0.1:80=10.0.0.1:80", "10.0.0.2:80=10.0.0.2:80")
	})
	os.Remove(name)
	sink.Until(t, "half gone", func(s *sinktest.State) bool { return s.Has("cart", "10.0.0.1:80=10.0.0.1:80") })
	os.Remove(filepath.Join(dir, "more.yaml"))
	s := sink.Until(t, "gone", func(s *sinktest.State) bool { return len(s.Services) == 0 })
	if s.Trouble != nil || slices.Index(s.Words, "synced") != 1 {
		t.Errorf("%s", s)
	}
}

func TestBadFileKeepsWhatItSaid(t *testing.T) {
	dir := t.TempDir()
	cart, search := filepath.Join(dir, "cart.yaml"), filepath.Join(dir, "search.json")
	write(t, cart, one)
	write(t, search, `[{"targets": ["10.0.1.1:80"]}]`)
	sink, log := watching(t, cart, search)
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced && len(s.Services) == 2 })

	replace(t, cart, "- targets: [\"10.0.0.1:80\"]\n  lables: {service: cart}\n")
	s := sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if want := cart + `:2: field lables is not one of a group's`; !strings.Contains(s.Trouble.Error(), want) {
		t.Errorf("trouble %v; want %s", s.Trouble, want)
	}
	// What the other file says is fresh all the same.
	s = sink.Until(t, "confirmed", func(s *sinktest.State) bool { return slices.Equal(s.Fresh, []string{"search"}) })
	if !s.Has("cart", "10.0.0.1:80=10.0.0.1:80") || !strings.Contains(log.String(), "cart.yaml:2") {
		t.Errorf("%s\n%s", s, log)
	}
	replace(t, search, `[{"targets": ["10.0.1.2:80"]}]`)
	sink.Until(t, "the other goes on", func(s *sinktest.State) bool { return s.Has("search", "10.0.1.2:80=10.0.1.2:80") })
	replace(t, cart, one)
	s = sink.Until(t, "well", func(s *sinktest.State) bool { return s.Trouble == nil })
	if len(s.Fresh) != 2 || strings.Count(log.String(), "not believed") != 1 {
		t.Errorf("%s\n%s", s, log)
	}
}

// TestCheck: what is not understood is told; who is missing may come, and is logged.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.Files = []string{filepath.Join(dir, "*.yaml"), filepath.Join(dir, "no", "file.json"), filepath.Join(dir, "*.json"), filepath.Join(dir, "no", "*.json")}
	log := &strings.Builder{}
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cart.yaml"), one)
	if err := s.Check(); err != nil {
		t.Errorf("all is well: %v", err)
	}
	for _, want := range []string{
		"no file of services is found; those that come are read\" pattern=" + filepath.Join(dir, "*.json"),
		"a file of services cannot be read now\" error=\"stat " + filepath.Join(dir, "no", "file.json"),
		"files of services cannot be looked for now\" error=\"files " + filepath.Join(dir, "no", "*.json"),
	} {
		if strings.Count(log.String(), want) != 1 || strings.Count(log.String(), "level=WARN") != 3 {
			t.Errorf("want once %q in\n%s", want, log)
		}
	}
	write(t, filepath.Join(dir, "search.yaml"), "- targets: [\"10.0.0.1:80\"]\n  lables: {}\n")
	if err := s.Check(); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "search.yaml")+":2: field lables") {
		t.Errorf("%v", err)
	}
}

func TestMissingFileIsTrouble(t *testing.T) {
	name := filepath.Join(t.TempDir(), "later", "cart.yaml")
	cfg := DefaultConfig()
	cfg.Files, cfg.Reread = []string{name, filepath.Join(filepath.Dir(name), "*.json")}, time.Second
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sink, _ := sinktest.Watch(t, s)
	state := sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	if state.Synced || !strings.Contains(state.Trouble.Error(), "cart.yaml") || !strings.Contains(state.Trouble.Error(), "is the folder mounted?") {
		t.Errorf("%s", state)
	}
	if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, name, one)
	sink.Until(t, "found", func(s *sinktest.State) bool { return s.Synced && s.Has("cart", "10.0.0.1:80=10.0.0.1:80") })
	// A named file that vanishes is missed: its services stay.
	os.Remove(name)
	state = sink.Until(t, "missed", func(s *sinktest.State) bool { return s.Trouble != nil })
	if !state.Has("cart", "10.0.0.1:80=10.0.0.1:80") {
		t.Errorf("%s", state)
	}
	// So do those of a folder that is gone as a whole.
	os.RemoveAll(filepath.Dir(name))
	write(t, filepath.Join(filepath.Dir(filepath.Dir(name)), "aside"), "")
	state = sink.State()
	if len(state.Services) != 1 {
		t.Errorf("%s", state)
	}
}

// TestFollowsConfigMap changes files as the kubelet does: what is mounted are links
// to a link that is replaced (kubernetes pkg/volume/util/atomic_writer.go).
func TestFollowsConfigMap(t *testing.T) {
	dir := t.TempDir()
	version := func(n int, text string) {
		at := filepath.Join(dir, fmt.Sprint("..v", n))
		if err := os.Mkdir(at, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(at, "cart.yaml"), text)
		if err := os.Symlink(filepath.Base(at), filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			os.RemoveAll(filepath.Join(dir, fmt.Sprint("..v", n-1)))
		}
	}
	version(0, one)
	if err := os.Symlink(filepath.Join("..data", "cart.yaml"), filepath.Join(dir, "cart.yaml")); err != nil {
		t.Fatal(err)
	}
	sink, _ := watching(t, filepath.Join(dir, "*.yaml"))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	for i := 1; i < 5; i++ {
		address := fmt.Sprintf("10.0.0.%d:80", i+1)
		version(i, strings.Replace(one, "10.0.0.1:80", address, 1))
		s := sink.Until(t, "followed", func(s *sinktest.State) bool { return s.Has("cart", address+"="+address) })
		if slices.Contains(s.Words, "delete cart") {
			t.Fatalf("%s", s)
		}
	}
}

// TestRereads changes a file where nothing is watched: behind a link that leads on.
func TestFollowsLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "real.yaml"), one)
	if err := os.Symlink(filepath.Join(elsewhere, "real.yaml"), filepath.Join(dir, "cart.yaml")); err != nil {
		t.Fatal(err)
	}
	sink, _ := watching(t, filepath.Join(dir, "cart.yaml"))
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced })
	replace(t, filepath.Join(elsewhere, "real.yaml"), strings.Replace(one, "0.1:", "0.9:", 1))
	sink.Until(t, "followed", func(s *sinktest.State) bool { return s.Has("cart", "10.0.0.9:80=10.0.0.9:80") })
}

func TestBadFromTheBeginningIsNotSynced(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), one)
	write(t, filepath.Join(dir, "b.yaml"), "")
	sink, _ := watching(t, filepath.Join(dir, "?.yaml"))
	s := sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil && len(s.Fresh) == 1 })
	if s.Synced || !strings.Contains(s.Trouble.Error(), "b.yaml: the file is empty; write []") {
		t.Errorf("%s", s)
	}
	replace(t, filepath.Join(dir, "b.yaml"), "[]")
	sink.Until(t, "synced", func(s *sinktest.State) bool { return s.Synced && s.Trouble == nil })
}

func TestStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "zero.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nothing", filepath.Join(dir, "loose.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "long.yaml"), strings.Repeat("#", longest+1))
	sink, _ := watching(t, filepath.Join(dir, "*.yaml"), filepath.Join(dir, "zero.yaml"))
	s := sink.Until(t, "troubled", func(s *sinktest.State) bool { return s.Trouble != nil })
	for _, want := range []string{"loose.yaml: no such file", "long.yaml: it has more than", "zero.yaml: it is no regular file"} {
		if !strings.Contains(s.Trouble.Error(), want) {
			t.Errorf("trouble %v; want %s", s.Trouble, want)
		}
	}
	if strings.Contains(s.Trouble.Error(), "folder.yaml") {
		t.Errorf("a folder is no file of a pattern: %v", s.Trouble)
	}
}

func TestValidate(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Files = []string{"a[", ""}
	cfg.Reread, cfg.Settle, cfg.Clock = 0, time.Second, nil
	_, err := New(cfg)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"a["`, `""`, "again every 0s", "settle in 1s", "no clock"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, err := New(DefaultConfig()); err == nil {
		t.Error("no file, no error")
	}
}

// TestWatchedAgain: a directory starts a source that has ended again.
func TestWatchedAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "cart.yaml")
	write(t, name, one)
	cfg := DefaultConfig()
	cfg.Files = []string{name}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Again(t, s, "cart", "10.0.0.1:80=10.0.0.1:80")
}
