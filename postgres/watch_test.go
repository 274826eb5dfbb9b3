package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/postgres/pgtest"
)

// watched runs a watch until the test ends and returns what it is told.
func watched(t *testing.T, w model.Watcher) <-chan model.Version {
	t.Helper()
	ctx, cancel := context.WithCancel(deadline(t))
	seen, ended := make(chan model.Version, 100), make(chan error, 1)
	go func() { ended <- w.Watch(ctx, func(v model.Version) { seen <- v }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("watch ended with %v; want the context's error", err)
		}
	})
	return seen
}

func tells(t *testing.T, seen <-chan model.Version, want model.Version) {
	t.Helper()
	select {
	case v := <-seen:
		if v != want {
			t.Errorf("told of version %d; want %d", v, want)
		}
	case <-deadline(t).Done():
		t.Fatalf("not told of version %d", want)
	}
}

// kill ends the connections that listen.
const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
	AND (query LIKE 'LISTEN%' OR query LIKE 'SELECT version FROM fairway.latest%')`

// TestTwoRegistriesStayInStep has the notice alone tell: nobody polls within
// the test.
func TestTwoRegistriesStayInStep(t *testing.T) {
	url := fresh(t)
	one, other := open(t, url), open(t, url)
	one.Poll, other.Poll = time.Hour, time.Hour
	a, b := watched(t, one.Registry()), watched(t, other.Registry())
	await(t, "both to listen", func() bool {
		var n int
		err := one.pool.QueryRow(deadline(t), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT version FROM fairway.latest%' AND state = 'idle'`).Scan(&n)
		return err == nil && n >= 2
	})
	publish(t, one.Registry(), sample("first"))
	tells(t, a, 1)
	tells(t, b, 1)
	publish(t, other.Registry(), sample("second"))
	tells(t, a, 2)
	tells(t, b, 2)
	if err := one.Registry().RollBack(deadline(t), 2, 1, "it does not do"); err != nil {
		t.Fatal(err)
	}
	tells(t, a, 1)
	tells(t, b, 1)
}

// TestAMissedNoticeIsFound changes the latest behind the back of NOTIFY.
func TestAMissedNoticeIsFound(t *testing.T) {
	url := fresh(t)
	db := open(t, url)
	db.Poll = 10 * time.Millisecond
	publish(t, db.Registry(), sample("first"))
	publish(t, db.Registry(), sample("second"))
	seen := watched(t, db.Registry())
	tells(t, seen, 2)
	run(t, url, `UPDATE fairway.latest SET version = 1`)
	tells(t, seen, 1)
}

func TestAWatchOutlivesItsConnection(t *testing.T) {
	url := fresh(t)
	db, other := open(t, url), open(t, url)
	publish(t, other.Registry(), sample("first"))
	db.Poll = 20 * time.Millisecond
	seen := watched(t, db.Registry())
	tells(t, seen, 1)
	for v := range model.Version(3) {
		run(t, url, kill)
		publish(t, other.Registry(), sample("next"))
		tells(t, seen, v+2)
	}
	await(t, "the database to be well again", func() bool { return db.Health() == nil })
}

// TestAWatchBeginsBeforeTheDatabase is for the daemon that starts first: here
// the database itself is made later.
func TestAWatchBeginsBeforeTheDatabase(t *testing.T) {
	if shared == nil {
		t.Skip(pgtest.ErrNone)
	}
	later := fmt.Sprintf("later%d", time.Now().UnixNano()) // another one each time
	db, err := Connect(shared.URL(later))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	db.Poll = 20 * time.Millisecond
	told := make(chan error, 10)
	db.Trouble = func(err error) { told <- err }
	if _, err := db.Registry().Latest(deadline(t)); err == nil || db.Health() == nil {
		t.Errorf("latest of a database that is not there: %v, health %v", err, db.Health())
	}
	if err := <-told; err == nil {
		t.Error("told that a database that is not there is well")
	}
	seen := watched(t, db.Registry())
	run(t, shared.URL("postgres"), "CREATE DATABASE "+later)
	publish(t, open(t, shared.URL(later)).Registry(), sample("first"))
	tells(t, seen, 1)
	if err := <-told; err != nil || db.Health() != nil {
		t.Errorf("told %v, health %v; want that it is well", err, db.Health())
	}
}
