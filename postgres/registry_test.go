package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// sample is a small valid model.
func sample(name string) *model.Model {
	return &model.Model{
		Format: model.Format, Name: name, Created: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Schema:    mesh.Schema{Name: "own", Series: []mesh.Series{{Name: mesh.RequestRate, Query: "rate(requests_total[$range])"}}},
		Timing:    mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: 30 * time.Second},
		Objective: mesh.DefaultObjective(),
		Routing: &model.Network{
			Kind: model.Softmax, Columns: []string{"utilization"},
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}},
			Layers: []model.Layer{{In: 1, Out: 1, W: []float32{-4}, B: []float32{0}}},
		},
	}
}

func publish(t *testing.T, r *Registry, m *model.Model) model.Version {
	t.Helper()
	v, err := r.Publish(deadline(t), m)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPublishLatestListPromote(t *testing.T) {
	url := fresh(t)
	r, ctx := open(t, url).Registry(), deadline(t)
	if _, err := r.Latest(ctx); !errors.Is(err, model.ErrEmpty) {
		t.Errorf("latest of an empty registry: %v; want ErrEmpty", err)
	}
	first := sample("first")
	if v := publish(t, r, first); v != 1 || first.Version != 0 {
		t.Errorf("version %d, and %d in the model; want 1, and the model as it was", v, first.Version)
	}
	publish(t, r, sample("second"))

	other := open(t, url).Registry() // another program
	latest, err := other.Latest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := sample("second")
	want.Version = 2
	if diff := cmp.Diff(want, latest); diff != "" {
		t.Errorf("latest (-want +got):\n%s", diff)
	}
	if err := other.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := other.Promote(ctx, 3); err == nil || !strings.Contains(err.Error(), "there is no version 3") {
		t.Errorf("promote 3: %v; want an error that names it", err)
	}
	entries, err := r.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wantEntries := []model.Entry{{Version: 1, Name: "first", Created: want.Created, Latest: true}, {Version: 2, Name: "second", Created: want.Created}}
	if diff := cmp.Diff(wantEntries, entries); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if m, err := r.Latest(ctx); err != nil || m.Name != "first" {
		t.Errorf("latest after promote: %v, %v; want first", m, err)
	}
	if m, err := r.Get(ctx, 2); err != nil || m.Name != "second" {
		t.Errorf("get 2: %v, %v; want second", m, err)
	}
	if _, err := r.Get(ctx, 9); err == nil {
		t.Error("get 9: no error")
	}
}

func TestWhatIsInvalidOrChangedIsRefused(t *testing.T) {
	url := fresh(t)
	r, ctx := open(t, url).Registry(), deadline(t)
	broken := sample("broken")
	broken.Routing = nil
	if _, err := r.Publish(ctx, broken); err == nil {
		t.Error("a model without a network was published")
	}
	publish(t, r, sample("good"))
	run(t, url, `UPDATE fairway.model SET content = set_byte(content, 60, 0)`)
	if _, err := r.Latest(ctx); err == nil || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("latest of a changed file: %v; want an error that names the version", err)
	}
}

func TestPublishersDoNotShareAVersion(t *testing.T) {
	url := fresh(t)
	const each = 5
	var mu sync.Mutex
	var versions []model.Version
	var group sync.WaitGroup
	for range 4 {
		r := open(t, url).Registry()
		group.Go(func() {
			for range each {
				v, err := r.Publish(deadline(t), sample("shop"))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				versions = append(versions, v)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(versions)
	for i, v := range versions {
		if v != model.Version(i+1) {
			t.Fatalf("versions %v; want 1 to %d, each once", versions, 4*each)
		}
	}
	latest, err := open(t, url).Registry().Latest(deadline(t))
	if err != nil || latest.Version != 4*each {
		t.Errorf("latest %v, %v; want version %d", latest, err, 4*each)
	}
}

// TestAPublisherWhoseConnectionIsKilledPublishesNothing holds the publisher at
// the lock that versions are given under, and cuts it off there.
func TestAPublisherWhoseConnectionIsKilledPublishesNothing(t *testing.T) {
	url := fresh(t)
	db, ctx := open(t, url), deadline(t)
	blocker, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Close(ctx)
	if _, err := blocker.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(publishLock)); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := db.Registry().Publish(ctx, sample("lost"))
		failed <- err
	}()
	for killed := false; !killed; {
		// Asks the server, which answers when the publisher waits.
		err := blocker.QueryRow(ctx, `SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event = 'advisory'`).Scan(&killed)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := <-failed; err == nil {
		t.Error("publish over a killed connection: no error")
	}
	if err := blocker.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if v := publish(t, db.Registry(), sample("shop")); v != 1 {
		t.Errorf("the next publish got version %d; want 1, as the first left nothing", v)
	}
}

func TestWatchSeesEachLatest(t *testing.T) {
	url := fresh(t)
	r := open(t, url).Registry()
	publish(t, r, sample("before"))
	ctx, cancel := context.WithCancel(deadline(t))
	seen, ended := make(chan model.Version, 10), make(chan error, 1)
	go func() { ended <- r.Watch(ctx, func(v model.Version) { seen <- v }) }()
	next := func(want model.Version) {
		t.Helper()
		select {
		case v := <-seen:
			if v != want {
				t.Errorf("saw version %d; want %d", v, want)
			}
		case err := <-ended:
			t.Fatalf("watch ended: %v", err)
		}
	}
	next(1)
	other := open(t, url).Registry()
	publish(t, other, sample("after"))
	next(2)
	run(t, url, `NOTIFY fairway_latest, 'nonsense'`)
	if err := other.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	next(1)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("watch ended with %v; want the context's error", err)
	}
}
