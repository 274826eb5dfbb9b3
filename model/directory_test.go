package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

func named(name string) *Model {
	m := sample()
	m.Name = name
	return m
}

func publish(t *testing.T, d *Directory, name string) Version {
	t.Helper()
	v, err := d.Publish(t.Context(), named(name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t *testing.T, path string) *Directory {
	t.Helper()
	d, err := OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "when missing")
	d := open(t, path)
	if _, err := d.Latest(t.Context()); !errors.Is(err, ErrEmpty) {
		t.Errorf("latest of an empty registry: %v", err)
	}
	if _, err := Load(path); !errors.Is(err, ErrEmpty) {
		t.Errorf("load of an empty registry: %v", err)
	}
	for i, name := range []string{"a", "b", "c"} {
		if v := publish(t, d, name); v != Version(i+1) {
			t.Errorf("%s is version %d", name, v)
		}
	}
	check := func(want string) {
		t.Helper()
		m, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(m.Name, m.Version); got != want {
			t.Errorf("latest is %s; want %s", got, want)
		}
	}
	check("c3")
	if err := d.Promote(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	check("a1")
	if err := d.Promote(t.Context(), 9); err == nil || !strings.Contains(err.Error(), "no version 9") {
		t.Errorf("promote what is not there: %v", err)
	}
	check("a1")
	publish(t, d, "d")
	check("d4")
	if m, err := d.Get(t.Context(), 2); err != nil || m.Name != "b" || m.Version != 2 {
		t.Errorf("version 2: %v, %v", m, err)
	}
	entries, err := open(t, path).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	created := sample().Created
	want := []Entry{{1, "a", created, false, nil}, {2, "b", created, false, nil}, {3, "c", created, false, nil}, {4, "d", created, true, nil}}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("list (-want +got)\n%s", diff)
	}
}

// TestDirectoryIgnoresWhatIsNotWhole: files being written do not count, a
// damaged version is told as such and does not hide the others.
func TestDirectoryIgnoresWhatIsNotWhole(t *testing.T) {
	d := open(t, t.TempDir())
	publish(t, d, "a")
	publish(t, d, "b")
	for _, name := range []string{durable.Prefix + "123", "000009.model.part", "9.model", "x.model", "notes"} {
		if err := os.WriteFile(filepath.Join(d.path, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(d.file(2), 100); err != nil {
		t.Fatal(err)
	}
	entries, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].Err != nil || entries[1].Err == nil || !entries[1].Latest {
		t.Errorf("list %+v; want a whole version and a damaged one, the latest", entries)
	}
	if _, err := d.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), "promote another") {
		t.Errorf("latest: %v; want advice", err)
	}
	if err := d.Promote(t.Context(), 2); err == nil {
		t.Error("a damaged version was promoted")
	}
	if err := d.Promote(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if v := publish(t, d, "c"); v != 3 {
		t.Errorf("published as version %d; want 3: numbers are not used again", v)
	}
	if err := os.WriteFile(filepath.Join(d.path, pointer), []byte("what?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), `"what?"`) {
		t.Errorf("damaged pointer: %v", err)
	}
	if _, err := d.List(t.Context()); err != nil {
		t.Errorf("damaged pointer: %v; want the list all the same", err)
	}
}

// TestPublishersDoNotOverwrite publishes from many at once, each with a
// Directory of its own as in another program.
func TestPublishersDoNotOverwrite(t *testing.T) {
	const publishers, each = 8, 5
	path := t.TempDir()
	var group sync.WaitGroup
	versions := make([][each]Version, publishers)
	for p := range publishers {
		group.Go(func() {
			d, err := OpenDirectory(path)
			for i := 0; i < each && err == nil; i++ {
				versions[p][i], err = d.Publish(context.Background(), named(fmt.Sprint(p, "-", i)))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	d := open(t, path)
	for p := range publishers {
		for i, v := range versions[p] {
			m, err := d.Get(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprint(p, "-", i); m.Name != want {
				t.Errorf("version %d is %s; want %s", v, m.Name, want)
			}
		}
	}
	m, err := d.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != publishers*each {
		t.Errorf("latest is version %d; want %d", m.Version, publishers*each)
	}
	files, err := os.ReadDir(path)
	if err != nil || len(files) != publishers*each+3 {
		t.Errorf("%d files (%v); want the versions, the pointer, the events and the lock", len(files), err)
	}
}

func TestDirectoryHonoursContexts(t *testing.T) {
	d := open(t, t.TempDir())
	publish(t, d, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, published := d.Publish(ctx, sample())
	_, latest := d.Latest(ctx)
	_, list := d.List(ctx)
	for _, err := range []error{published, latest, list, d.Promote(ctx, 1)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v; want canceled", err)
		}
	}
}

func TestPublishLeavesTheModelAlone(t *testing.T) {
	m := sample()
	if _, err := open(t, t.TempDir()).Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if m.Version != 0 {
		t.Errorf("version is %d", m.Version)
	}
	m.Format = "?"
	d := open(t, t.TempDir())
	if _, err := d.Publish(t.Context(), m); err == nil {
		t.Error("a model that is not valid was published")
	}
	if entries, err := d.List(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
