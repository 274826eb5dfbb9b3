package postgres

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/postgres/pgtest"
	"github.com/fairway-mesh/fairway/router/journal"
)

var streams int64

func openJournal(t *testing.T, directory string) *journal.Journal {
	t.Helper()
	cfg := journal.DefaultConfig()
	streams++
	cfg.Stream = streams
	j, err := journal.Open(directory, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func openLog(t *testing.T, db *Database, j *journal.Journal) *Log {
	t.Helper()
	cfg := DefaultLogConfig()
	cfg.Idle, cfg.Pause, cfg.MaxPause = time.Millisecond, time.Millisecond, 20*time.Millisecond
	l, err := db.Log(j, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func outcome(service string) *journal.Entry {
	return &journal.Entry{
		Kind: journal.Outcome, Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Service: service,
		Line: "tried", Model: "shop 3", Rules: "r7", Table: 9, Class: "gold", Method: "GET", Path: "/a", Route: "v2", Endpoint: "a", Propensity: 0.25,
		Latency: 30 * time.Millisecond, Deadline: time.Second, Status: 200, InFlight: 4, By: "spiffe://mesh/shop",
	}
}

func keep(t *testing.T, j *journal.Journal, entries ...*journal.Entry) {
	t.Helper()
	for _, e := range entries {
		if !j.Append(e) {
			t.Fatal("an entry did not fit")
		}
	}
	if err := j.Flush(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, db *Database, table string) (n int) {
	t.Helper()
	if err := db.pool.QueryRow(deadline(t), `SELECT count(*) FROM fairway.`+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// rows are those of a table as JSON, without what the database adds.
func rows(t *testing.T, db *Database, table string) []map[string]any {
	t.Helper()
	found, err := db.pool.Query(deadline(t), `SELECT to_jsonb(t) - 'id' - 'stored' - 'stream' FROM fairway.`+table+` t ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(found, pgx.RowTo[map[string]any])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLogStoresEveryKindAsItWas(t *testing.T) {
	db := open(t, fresh(t))
	j := openJournal(t, t.TempDir())
	l := openLog(t, db, j)
	decision := &journal.Entry{
		Kind: journal.Decision, Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Service: "shop\x00\xff", Model: "shop 3", Table: math.MaxUint64,
		Source: "MODEL", Policy: "learned", Age: 2 * time.Second, Endpoints: []string{"a", "b"}, Weights: []float64{0.75, 0.25}, Ejected: []bool{false, true}, Notes: []string{"held"},
	}
	pick, odd := outcome("shop"), outcome("odd")
	pick.Kind = journal.Pick
	odd.Time, odd.Deadline, odd.InFlight, odd.Status, odd.Propensity = time.Unix(1<<42, 0), 0, -1, math.MaxInt, 0
	keep(t, j, decision, pick, outcome("shop"), odd)
	if err := l.Drain(deadline(t)); err != nil {
		t.Fatal(err)
	}
	request := func(seq float64, service string) map[string]any {
		return map[string]any{
			"seq": seq, "time": "2026-03-01T10:00:00+00:00", "service": service, "line": "tried", "model": "shop 3", "rules": "r7", "table_version": 9.0,
			"class": "gold", "method": "GET", "path": "/a", "route": "v2", "endpoint": "a", "propensity": 0.25,
		}
	}
	good := request(3, "shop")
	good["latency_seconds"], good["deadline_seconds"], good["status"], good["in_flight"], good["reported_by"] = 0.03, 1.0, 200.0, 4.0, "spiffe://mesh/shop"
	bad := request(4, "odd")
	bad["time"], bad["propensity"] = "9999-12-31T00:00:00+00:00", nil
	bad["latency_seconds"], bad["deadline_seconds"], bad["status"], bad["in_flight"], bad["reported_by"] = 0.03, nil, float64(math.MaxInt32), nil, "spiffe://mesh/shop"
	for table, want := range map[string][]map[string]any{
		"decision": {{
			"seq": 1.0, "time": "2026-03-01T10:00:00+00:00", "service": "shop\uFFFD\uFFFD", "line": "", "model": "shop 3", "rules": "", "table_version": float64(math.MaxInt64),
			"source": "MODEL", "policy": "learned", "reason": "", "age_seconds": 2.0, "endpoints": []any{"a", "b"}, "weights": []any{0.75, 0.25}, "ejected": []any{false, true}, "notes": []any{"held"},
		}},
		"pick":    {request(2, "shop")},
		"outcome": {good, bad},
	} {
		if diff := cmp.Diff(want, rows(t, db, table)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table, diff)
		}
	}
	if s := l.Stats(); s.Stored != 4 || s.Behind != 0 || s.Err != nil {
		t.Errorf("stats %+v; want 4 stored, nothing left", s)
	}
}

// TestWhateverCallersSayIsStored holds that nothing in an entry stops a log.
func TestWhateverCallersSayIsStored(t *testing.T) {
	db, j := open(t, fresh(t)), openJournal(t, t.TempDir())
	l := openLog(t, db, j)
	random := rand.New(rand.NewPCG(7, 0))
	long := make([]byte, 20000)
	for i := range long {
		long[i] = byte(random.Uint32())
	}
	for _, kind := range []journal.Kind{journal.Decision, journal.Pick, journal.Outcome} {
		for _, text := range []string{"a\x00b\xff", string(long), ""} {
			for _, number := range []int{math.MinInt, -1, 0, math.MaxInt} {
				e := &journal.Entry{Kind: kind, Service: text, Line: text, Model: text, Rules: text, Source: text, Policy: text, Reason: text, By: text}
				e.Class, e.Method, e.Path, e.Route, e.Endpoint = text, text, text, text, text
				e.Endpoints, e.Notes = []string{text, text}, []string{text}
				e.Time, e.Table, e.Status, e.InFlight = time.UnixMicro(int64(number)), uint64(number), number, number
				e.Latency, e.Deadline, e.Age = time.Duration(number), time.Duration(number), time.Duration(number)
				e.Weights, e.Propensity = []float64{math.NaN(), math.Inf(1)}, math.NaN()
				keep(t, j, e)
			}
		}
		keep(t, j, &journal.Entry{Kind: kind})
	}
	if err := l.Drain(deadline(t)); err != nil {
		t.Fatal(err)
	}
	n := stored(t, db, "decision") + stored(t, db, "pick") + stored(t, db, "outcome")
	if s := l.Stats(); s.Stored != 39 || s.Refused != 0 || n != 39 {
		t.Errorf("stats %+v, %d rows; want 39 and none refused", s, n)
	}
}

// TestWhatComesAgainIsStoredOnce plays the program that ended, and the answer
// that got lost, before the journal was told.
func TestWhatComesAgainIsStoredOnce(t *testing.T) {
	db, directory := open(t, fresh(t)), t.TempDir()
	j := openJournal(t, directory)
	l := openLog(t, db, j)
	keep(t, j, outcome("a"), outcome("b"), outcome("c"))
	batch, err := l.reader.Next(nil, 2)
	if err != nil || len(batch) != 2 {
		t.Fatalf("%d entries, %v; want 2", len(batch), err)
	}
	for range 2 {
		if err := l.transact(deadline(t), batch); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, directory)
	l = openLog(t, db, j)
	keep(t, j, outcome("d"))
	if err := l.Drain(deadline(t)); err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, r := range rows(t, db, "outcome") {
		services = append(services, r["service"].(string))
	}
	if got := strings.Join(services, ""); got != "abcd" {
		t.Errorf("stored %q; want abcd, each once", got)
	}
}

func TestARefusedEntryDoesNotKeepTheOthersOut(t *testing.T) {
	url := fresh(t)
	db, j := open(t, url), openJournal(t, t.TempDir())
	run(t, url, `ALTER TABLE fairway.outcome ADD CHECK (service <> 'bad')`)
	l := openLog(t, db, j)
	var told error
	l.cfg.Trouble = func(err error) { told = err }
	for i := range 40 {
		keep(t, j, outcome(map[bool]string{true: "bad", false: "good"}[i == 11 || i == 12]))
	}
	if err := l.Drain(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Stored != 38 || s.Refused != 2 || stored(t, db, "outcome") != 38 {
		t.Errorf("stats %+v, %d stored; want 38, and 2 refused", s, stored(t, db, "outcome"))
	}
	if told == nil || !strings.Contains(told.Error(), "outcome_service_check") {
		t.Errorf("told %v; want what the database said", told)
	}
}

func TestWhatCanBeMendedIsNotGivenUp(t *testing.T) {
	url := fresh(t)
	db, j := open(t, url), openJournal(t, t.TempDir())
	l := openLog(t, db, j)
	told := 0
	l.cfg.Trouble = func(error) { told++ }
	run(t, url, `ALTER TABLE fairway.outcome RENAME TO hidden`)
	keep(t, j, outcome("shop"))
	for range 3 {
		if err := l.Drain(deadline(t)); err == nil || l.Stats().Err == nil || l.Stats().Behind != 1 || told != 1 {
			t.Errorf("drain: %v, stats %+v, told %d times; want the failure in both, and told once", err, l.Stats(), told)
		}
	}
	run(t, url, `ALTER TABLE fairway.hidden RENAME TO outcome`)
	if err := l.Drain(deadline(t)); err != nil || stored(t, db, "outcome") != 1 || db.Health() != nil || l.Stats().Err != nil {
		t.Errorf("drain: %v, %d stored, health %v; want 1", err, stored(t, db, "outcome"), db.Health())
	}
}

func TestOldRowsGoInPieces(t *testing.T) {
	url := fresh(t)
	db, j := open(t, url), openJournal(t, t.TempDir())
	l := openLog(t, db, j)
	l.cfg.Piece = 3
	for range 10 {
		keep(t, j, outcome("old"))
	}
	if err := l.Drain(deadline(t)); err != nil {
		t.Fatal(err)
	}
	run(t, url, `UPDATE fairway.outcome SET stored = now() - interval '31 days' WHERE seq <= 8`)
	for _, want := range []int{7, 4, 2} {
		if l.sweep(deadline(t)); stored(t, db, "outcome") != want {
			t.Errorf("%d rows are left; want %d", stored(t, db, "outcome"), want)
		}
	}
	if l.behind || l.Stats().Deleted != 8 {
		t.Errorf("behind %v, stats %+v; want 8 deleted and no more", l.behind, l.Stats())
	}
	run(t, url, `UPDATE fairway.outcome SET stored = now() - interval '31 days'`)
	if l.sweep(deadline(t)); stored(t, db, "outcome") != 2 {
		t.Error("it swept again before its time")
	}
}

// TestTheLogOutlivesTheDatabase begins while the database is down, and stops it
// once more under the log.
func TestTheLogOutlivesTheDatabase(t *testing.T) {
	if shared == nil {
		t.Skip(pgtest.ErrNone)
	}
	s, err := pgtest.New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Remove()
	db, err := Connect(s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	j := openJournal(t, t.TempDir())
	l := openLog(t, db, j)
	ctx, cancel := context.WithCancel(deadline(t))
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	const each = 3000
	down := func() {
		t.Helper()
		before := j.Stats().Bytes
		for range each {
			if !j.Append(outcome("while it is away")) {
				t.Fatal("an entry did not fit")
			}
		}
		if err := j.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if s := l.Stats(); s.Behind < each || j.Stats().Bytes <= before {
			t.Errorf("stats %+v, %d bytes after %d; want the spool to hold %d", s, j.Stats().Bytes, before, each)
		}
		await(t, "the failure to be told", func() bool { return db.Health() != nil && l.Stats().Err != nil })
	}
	caughtUp := func(want uint64) {
		t.Helper()
		await(t, "the log to catch up", func() bool { return l.Stats().Behind == 0 && db.Health() == nil })
		if s := l.Stats(); s.Stored != want || stored(t, db, "outcome") != int(want) {
			t.Errorf("stats %+v, %d stored; want %d, each once", s, stored(t, db, "outcome"), want)
		}
	}
	down()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	caughtUp(each)
	if err := s.Stop(); err != nil {
		t.Log("the server ended with", err)
	}
	down()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	caughtUp(2 * each)
	cancel()
	<-ended
	db.Close()
	if err := s.Stop(); err != nil {
		t.Log("the server ended with", err)
	}
}

// TestTheLogOutlivesItsConnections cuts them off at random instants, most of them
// in the middle of a batch.
func TestTheLogOutlivesItsConnections(t *testing.T) {
	url := fresh(t)
	db, j := open(t, url), openJournal(t, t.TempDir())
	l := openLog(t, db, j)
	l.cfg.Batch = 10
	ctx, cancel := context.WithCancel(deadline(t))
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	killer := open(t, url)
	cut, random := 0, rand.New(rand.NewPCG(7, 0))
	const rounds, each = 40, 50
	for range rounds {
		for range each {
			j.Append(outcome("shop"))
		}
		if err := j.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		goal := l.Stats().Stored + uint64(random.IntN(each))
		await(t, "the log to go on", func() bool { return l.Stats().Stored >= goal })
		tag, err := killer.pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Fatal(err)
		}
		cut += int(tag.RowsAffected())
	}
	await(t, "the log to catch up", func() bool { return l.Stats().Behind == 0 })
	if s := l.Stats(); s.Stored != rounds*each || stored(t, killer, "outcome") != rounds*each || cut == 0 {
		t.Errorf("stats %+v, %d stored, %d connections cut; want %d, each once", s, stored(t, killer, "outcome"), cut, rounds*each)
	}
}

// await polls until it holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := deadline(t)
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestLogConfigIsChecked(t *testing.T) {
	if err := DefaultLogConfig().Validate(); err != nil {
		t.Error(err)
	}
	if err := (LogConfig{Keep: -1}).Validate(); err == nil || !strings.Contains(err.Error(), "kept for") {
		t.Errorf("the zero config: %v", err)
	}
	db, err := Connect("postgres://fairway@127.0.0.1:1/none")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	j := openJournal(t, t.TempDir())
	if _, err := db.Log(j, LogConfig{}); err == nil {
		t.Error("the zero config was taken")
	}
	openLog(t, db, j)
	if _, err := db.Log(j, DefaultLogConfig()); err == nil {
		t.Error("a second log of one journal was taken")
	}
	if errors.Is(db.Health(), nil) {
		t.Error("a database that nobody asked is well")
	}
}

// BenchmarkLog stores outcomes; one operation is one entry.
func BenchmarkLog(b *testing.B) {
	if shared == nil {
		b.Skip(pgtest.ErrNone)
	}
	ctx := context.Background()
	db, err := Open(ctx, shared.URL("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	cfg := journal.DefaultConfig()
	cfg.Stream = time.Now().UnixNano() // the database outlives a run
	j, err := journal.Open(b.TempDir(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	l, err := db.Log(j, DefaultLogConfig())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := range b.N {
		if j.Append(outcome("shop")); i%10000 == 9999 {
			if err := j.Flush(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := j.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	if err := l.Drain(ctx); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if s := l.Stats(); s.Stored != uint64(b.N) {
		b.Errorf("stats %+v; want %d stored", s, b.N)
	}
}
