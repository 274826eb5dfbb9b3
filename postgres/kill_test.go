package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/model"
)

// publisher names, in the environment, the registry that a child changes until
// it is killed.
const publisher = "FAIRWAY_TEST_PUBLISHER"

func registryAt(path string) (model.Registry, func(), error) {
	if !strings.HasPrefix(path, "postgres://") {
		d, err := model.OpenDirectory(path)
		return d, func() {}, err
	}
	db, err := Connect(path)
	if err != nil {
		return nil, nil, err
	}
	return db.Registry(), db.Close, nil
}

// bulky is a model of many pages, so that there is something to tear.
func bulky(name string) *model.Model {
	m := sample(name)
	const wide = 8192
	m.Routing.Layers = []model.Layer{
		{In: 1, Out: wide, ReLU: true, W: make([]float32, wide), B: make([]float32, wide)},
		{In: wide, Out: 1, W: make([]float32, wide), B: make([]float32, 1)},
	}
	return m
}

// publishForEver says what it will make the latest before it does so, and that
// it has once that was acknowledged: "will NAME", "did NAME VERSION". It
// publishes, and goes back to what was there before.
func publishForEver(path string) error {
	registry, _, err := registryAt(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	run := fmt.Sprint(os.Getpid(), "-", time.Now().UnixNano())
	var before, now model.Version
	var nameBefore, nameNow string
	for i := 0; ; i++ {
		name := fmt.Sprint(run, "-", i)
		v := before
		switch {
		case i%3 == 2:
			name = nameBefore
			fmt.Println("will", name)
			err = registry.RollBack(ctx, now, before, "to be killed meanwhile")
		default:
			fmt.Println("will", name)
			v, err = registry.Publish(ctx, bulky(name))
		}
		if err != nil {
			return err
		}
		fmt.Println("did", name, v)
		before, now, nameBefore, nameNow = now, v, nameNow, name
	}
}

// fate is what a child said until it was killed.
type fate struct {
	acknowledged map[model.Version]string
	last, maybe  string // names of the latest, as acknowledged and as begun
}

// killed runs a child, and kills it a while after so many lines.
func killed(t *testing.T, path string, lines int, after time.Duration) fate {
	t.Helper()
	child := exec.Command(os.Args[0])
	if strings.HasPrefix(path, "postgres://") {
		path += "&application_name=child"
	}
	child.Env = append(os.Environ(), publisher+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	f := fate{acknowledged: map[model.Version]string{}}
	in := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == lines {
			time.Sleep(after) // the instant of the fault, not a wait for something
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		switch words := strings.Fields(line); words[0] {
		case "will":
			f.maybe = words[1]
		case "did":
			var v model.Version
			if _, err := fmt.Sscan(words[2], &v); err != nil {
				t.Fatal(err)
			}
			f.acknowledged[v], f.last, f.maybe = words[1], words[1], words[1]
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return f
}

// TestAKilledPublisherLosesNothing kills publishers with kill -9 at random
// instants: whatever can be loaded is whole, what was acknowledged is there,
// and what is the latest is what the publisher made it last.
func TestAKilledPublisherLosesNothing(t *testing.T) {
	t.Run("directory", func(t *testing.T) { killPublishers(t, t.TempDir(), 40, 1) })
	t.Run("database", func(t *testing.T) { killPublishers(t, fresh(t), 40, 2) })
}

func killPublishers(t *testing.T, path string, rounds int, seed uint64) {
	registry, end, err := registryAt(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	random, ctx := rand.New(rand.NewPCG(seed, 0)), deadline(t)
	all := map[model.Version]string{}
	latest := ""
	for round := range rounds {
		f := killed(t, path, random.IntN(9), time.Duration(random.IntN(4000))*time.Microsecond)
		for v, name := range f.acknowledged {
			if known, ok := all[v]; ok {
				t.Fatalf("round %d: version %d was given to %s and to %s", round, v, known, name)
			}
			all[v] = name
		}
		if f.last != "" {
			latest = f.last
		}
		gone(t, registry)
		m, err := registry.Latest(ctx)
		switch {
		case errors.Is(err, model.ErrEmpty) && latest == "":
		case err != nil:
			t.Fatalf("round %d: the latest: %v", round, err)
		case m.Name != latest && m.Name != f.maybe:
			t.Fatalf("round %d: %s is the latest; want %s, or %s, which was under way", round, m.Name, latest, f.maybe)
		default:
			latest = m.Name
		}
	}
	t.Logf("%d rounds, %d versions acknowledged", rounds, len(all))
	intact(t, registry, all)
}

// gone waits until the server has noticed that the child is: a commit may have
// been on its way.
func gone(t *testing.T, registry model.Registry) {
	t.Helper()
	r, ok := registry.(*Registry)
	if !ok {
		return
	}
	await(t, "the server to end the child's connection", func() bool {
		var n int
		err := r.db.pool.QueryRow(deadline(t), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'child'`).Scan(&n)
		return err == nil && n == 0
	})
}

// intact holds that every version of a registry can be read, that what was
// acknowledged is there and has its event, and that it still works.
func intact(t *testing.T, registry model.Registry, acknowledged map[model.Version]string) {
	t.Helper()
	ctx := deadline(t)
	entries, err := registry.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := map[model.Version]string{}
	for _, e := range entries {
		m, err := registry.Get(ctx, e.Version)
		if err != nil || e.Err != nil {
			t.Fatalf("version %d: %v, listed with %v", e.Version, err, e.Err)
		}
		names[e.Version] = m.Name
	}
	events, err := registry.Events(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	for v, name := range acknowledged {
		if names[v] != name {
			t.Errorf("version %d is %q; %q was acknowledged", v, names[v], name)
		}
		told := func(e model.Event) bool {
			return e.Kind == model.Published && e.Version == fmt.Sprint(v) && e.Text == name
		}
		if !slices.ContainsFunc(events, told) {
			t.Errorf("version %d has no event", v)
		}
	}
	v, err := registry.Publish(ctx, sample("after all"))
	if err != nil || v <= entries[len(entries)-1].Version {
		t.Errorf("published version %d after all, %v; want one beyond %d", v, err, entries[len(entries)-1].Version)
	}
	if m, err := registry.Latest(ctx); err != nil || m.Name != "after all" {
		t.Errorf("the latest after all: %v, %v", m, err)
	}
}
