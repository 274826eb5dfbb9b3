package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/postgres/pgtest"
	"github.com/fairway-mesh/fairway/router"
)

func decision(service string) *router.Decision {
	return &router.Decision{
		Service: service, Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Age: 2 * time.Second,
		Endpoints: []mesh.Endpoint{{Name: "a"}, {Name: "b"}}, Weights: mesh.Weights{0.75, 0.25},
		Source: router.SourceModel, Policy: "learned", Model: "shop 3", Ejected: []bool{false, false}, Notes: []string{"held"},
	}
}

func openLog(t *testing.T, db *Database, cfg LogConfig) *Log {
	t.Helper()
	l, err := db.Log(deadline(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func stored(t *testing.T, db *Database) (n int) {
	t.Helper()
	if err := db.pool.QueryRow(deadline(t), `SELECT count(*) FROM fairway.decision`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLogStoresADecisionAsItWas(t *testing.T) {
	db := open(t, fresh(t))
	l := openLog(t, db, DefaultLogConfig())
	d := decision("shop\x00\xff")
	if !l.Append(d) {
		t.Fatal("the first decision did not fit")
	}
	d.Weights[0], d.Endpoints[0].Name, d.Notes[0] = 9, "changed", "changed" // as the next Decide does
	if err := l.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	rows, err := db.pool.Query(deadline(t), `SELECT time, service, source, policy, model, reason, age_seconds, endpoints, weights, ejected, notes FROM fairway.decision`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectExactlyOneRow(rows, func(r pgx.CollectableRow) (row, error) {
		var x row
		err := r.Scan(&x.time, &x.service, &x.source, &x.policy, &x.model, &x.reason, &x.age, &x.endpoints, &x.weights, &x.ejected, &x.notes)
		x.time = x.time.UTC()
		return x, err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := row{
		time: d.Time, service: "shop\uFFFD\uFFFD", source: "MODEL", policy: "learned", model: "shop 3", age: 2,
		endpoints: []string{"a", "b"}, weights: []float64{0.75, 0.25}, ejected: []bool{false, false}, notes: []string{"held"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestLogKeepsOrderAndCounts(t *testing.T) {
	db := open(t, fresh(t))
	cfg := DefaultLogConfig()
	cfg.Batch = 7
	l := openLog(t, db, cfg)
	for range 500 {
		if !l.Append(decision("shop")) {
			t.Fatal("a decision did not fit")
		}
	}
	l.Append(&router.Decision{}) // nothing in it is no reason to fail
	if err := l.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Written != 501 || s.Dropped != 0 || stored(t, db) != 501 {
		t.Errorf("stats %+v, %d stored; want 501", s, stored(t, db))
	}
	if l.Append(decision("shop")) || l.Stats().Dropped != 1 {
		t.Error("a decision after Close was not counted as lost")
	}
}

// held stops the table's writers until it is released.
func held(t *testing.T, db *Database) (release func()) {
	t.Helper()
	tx, err := db.pool.Begin(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(deadline(t), `LOCK TABLE fairway.decision IN EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	ctx := deadline(t)
	release = sync.OnceFunc(func() {
		if err := tx.Rollback(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release) // or closing the pool would wait for ever
	return release
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	db := open(t, fresh(t))
	release := held(t, db)
	cfg := DefaultLogConfig()
	cfg.Queue, cfg.Batch = 4, 2
	l := openLog(t, db, cfg)
	fitted := 0
	for range 100 {
		if l.Append(decision("shop")) {
			fitted++
		}
	}
	if fitted < 4 || fitted > 6 {
		t.Errorf("%d decisions fitted; want the queue's 4 and at most a batch of 2", fitted)
	}
	release()
	if err := l.Close(deadline(t)); err == nil || !strings.Contains(err.Error(), "decisions were lost") {
		t.Errorf("close: %v; want the loss", err)
	}
	if s := l.Stats(); int(s.Written) != fitted || int(s.Dropped) != 100-fitted || stored(t, db) != fitted {
		t.Errorf("stats %+v, %d stored; want %d written, the rest dropped", s, stored(t, db), fitted)
	}
}

func TestCloseGivesUpWhenItsTimeEnds(t *testing.T) {
	db := open(t, fresh(t))
	held(t, db)
	l := openLog(t, db, DefaultLogConfig())
	for range 10 {
		l.Append(decision("shop"))
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Close(ended); err == nil || l.Stats().Dropped != 10 {
		t.Errorf("close: %v, stats %+v; want 10 lost", err, l.Stats())
	}
}

// TestABatchThatIsSentTwiceIsStoredOnce plays the answer that got lost.
func TestABatchThatIsSentTwiceIsStoredOnce(t *testing.T) {
	db := open(t, fresh(t))
	l := openLog(t, db, DefaultLogConfig())
	batch := []row{newRow(decision("shop")), newRow(decision("bank"))}
	for range 2 {
		if err := l.copy(deadline(t), batch, 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if n := stored(t, db); n != 2 {
		t.Errorf("%d stored; want 2", n)
	}
}

func TestARefusedBatchIsNotTriedForEver(t *testing.T) {
	url := fresh(t)
	db := open(t, url)
	l := openLog(t, db, DefaultLogConfig())
	run(t, url, `ALTER TABLE fairway.decision ADD CHECK (service <> 'shop')`)
	l.Append(decision("shop"))
	if err := l.Close(deadline(t)); err == nil || !strings.Contains(err.Error(), "decision_service_check") {
		t.Errorf("close: %v; want what the server said", err)
	}
}

// TestTheLogOutlivesARestart stops a server of its own under the log.
func TestTheLogOutlivesARestart(t *testing.T) {
	s := pgtest.Start(t)
	db, err := Open(deadline(t), s.URL("postgres"))
	if err != nil {
		t.Fatal(errors.Join(err, s.Stop()))
	}
	defer db.Close()
	cfg := DefaultLogConfig()
	cfg.Pause, cfg.MaxPause = time.Millisecond, 10*time.Millisecond
	l := openLog(t, db, cfg)
	l.Append(decision("before"))
	if err := s.Stop(); err != nil {
		t.Log("the server ended with", err)
	}
	for range 20 {
		l.Append(decision("while it is away"))
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(deadline(t)); err != nil {
		t.Error(err)
	}
	if n := stored(t, db); n != 21 {
		t.Errorf("%d stored; want 21, each once", n)
	}
}

func TestLogConfigIsChecked(t *testing.T) {
	if err := DefaultLogConfig().Validate(); err != nil {
		t.Error(err)
	}
	if err := (LogConfig{}).Validate(); err == nil {
		t.Error("the zero config is valid")
	}
}
