package main

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/postgres"
	"github.com/fairway-mesh/fairway/postgres/pgtest"
	"github.com/fairway-mesh/fairway/router/journal"
)

// TestTwoDaemonsShareADatabase: rules that one person publishes are served by both,
// one of which began while the database was down; and what is rolled back comes back.
// They serve on while the database is away.
func TestTwoDaemonsShareADatabase(t *testing.T) {
	server := pgtest.Start(t)
	url := server.URL("postgres")
	if err := server.Stop(); err != nil {
		t.Log("the server ended with", err)
	}
	early := start(t, "--rules", url, "--recording", recording(t), "--schema", write(t, "tiny.yaml", tiny), "--no-trial")
	early.first(t, func(d *fairwayv1.Decision) bool { return len(d.Weights) > 0 })
	wait(t, func() bool { return strings.Contains(early.log.String(), "the rules cannot be read") })
	if !strings.Contains(early.log.String(), "the database does not do what it is asked to") {
		t.Error("the log does not say that the database is down")
	}
	if _, page := early.get(t, "/metrics"); !strings.Contains(page, "fairway_database_up 0") {
		t.Error("/metrics does not say that the database is down")
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	publish := func(version string) {
		t.Helper()
		if _, err := db.Rules().Publish(t.Context(), version, strings.Replace(tinyRules, `"7"`, strconv.Quote(version), 1)); err != nil {
			t.Fatal(err)
		}
	}
	publish("7")
	late := start(t, "--rules", url, "--no-trial")
	both := func(version string) {
		t.Helper()
		for _, p := range []*program{early, late} {
			p.until(t, "of rules "+version, func(d *fairwayv1.Decision) bool { return d.RulesVersion == version })
		}
	}
	both("7")
	publish("8")
	both("8")
	if err := db.Rules().RollBack(t.Context(), 2, 1, "a test"); err != nil {
		t.Fatal(err)
	}
	both("7")
	if _, err := db.Rules().Publish(t.Context(), "9", "services:\n  - nam: shop\n"); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return strings.Contains(late.log.String(), "version 3:2") })
	db.Close()
	if err := server.Stop(); err != nil {
		t.Log("the server ended with", err)
	}
	wait(t, func() bool {
		_, page := late.get(t, "/metrics")
		return strings.Contains(page, "fairway_database_up 0")
	})
	both("7")
}

// TestModelsComeFromADatabase: a daemon that found no model serves the first that is
// published, and tells the registry so.
func TestModelsComeFromADatabase(t *testing.T) {
	url := pgtest.Start(t).URL("postgres")
	p := start(t, "--model", url, "--recording", recording(t), "--schema", write(t, "tiny.yaml", tiny), "--speed", "5", "--no-trial")
	p.first(t, func(d *fairwayv1.Decision) bool { return len(d.Weights) > 0 })
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m, err := model.Load(persistence(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Registry().Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	p.until(t, "the model's", func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL })
	wait(t, func() bool {
		events, err := db.Registry().Events(t.Context(), 1)
		return err == nil && len(events) == 1 && events[0].Kind == model.Adopted && strings.HasPrefix(events[0].By, "fairwayd ")
	})
}

// TestTheJournalIsStored: what is appended until the end is in the database when the
// daemon has stopped.
func TestTheJournalIsStored(t *testing.T) {
	server := pgtest.Start(t)
	cfg := journal.DefaultConfig()
	cfg.Stream = 1
	j, err := journal.Open(t.TempDir(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	said := &log{}
	d := &daemon{options: &options{}, journal: j, reg: prometheus.NewRegistry(), log: slog.New(slog.NewTextHandler(said, nil))}
	d.database = server.URL("postgres")
	if err := d.openLog(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	g := &errgroup.Group{}
	d.storeLog(ctx, g)
	e := journal.Entry{Kind: journal.Pick, Service: "shop"}
	j.Append(&e)
	wait(t, func() bool { return d.stored.Stats().Stored == 1 })
	stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	j.Append(&e)
	d.closeDatabases()
	want := `
# HELP fairway_database_up 1 while the database answers; with several, while all of them do.
# TYPE fairway_database_up gauge
fairway_database_up 1
# HELP fairway_log_behind_entries Entries that this run has written to the journal and not stored in the database yet.
# TYPE fairway_log_behind_entries gauge
fairway_log_behind_entries 0
# HELP fairway_log_written_total Entries of the journal that were stored in the database.
# TYPE fairway_log_written_total counter
fairway_log_written_total 2
`
	if err := testutil.GatherAndCompare(d.reg, strings.NewReader(want), "fairway_database_up", "fairway_log_behind_entries", "fairway_log_written_total"); err != nil {
		t.Errorf("%v\nit said %s", err, said)
	}
}

// TestTheJournalOutlivesTheDatabase: a daemon that decides on while the database is
// away has stored all of it soon after it is back, and decides all the while.
func TestTheJournalOutlivesTheDatabase(t *testing.T) {
	server := pgtest.Start(t)
	p := start(t, "--database", server.URL("postgres"), "--journal", t.TempDir(), "--recording", recording(t), "--schema", write(t, "tiny.yaml", tiny), "--speed", "20")
	p.first(t, func(d *fairwayv1.Decision) bool { return len(d.Weights) > 0 })
	metric := func(name string) float64 {
		_, page := p.get(t, "/metrics")
		for line := range strings.Lines(page) {
			if text, found := strings.CutPrefix(line, name+" "); found {
				x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
		}
		t.Fatalf("/metrics has no %s", name)
		return 0
	}
	wait(t, func() bool { return metric("fairway_log_written_total") > 0 })
	if err := server.Stop(); err != nil {
		t.Log("the server ended with", err)
	}
	wait(t, func() bool {
		return metric("fairway_database_up") == 0 && metric("fairway_log_behind_entries") > 10 && p.decide(t).Endpoint.Name != ""
	})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return metric("fairway_database_up") == 1 && metric("fairway_log_behind_entries") == 0 })
	wait(t, func() bool { return metric("fairway_log_written_total") == metric("fairway_journal_appended_total") })
}

func TestDatabaseOptions(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--database", []string{"--database", "mysql://x"}},
		{"--keep", []string{"--keep", "-1h"}},
		{"does not answer", []string{"--database", "postgres://fairway:secret@127.0.0.1:1/x", "--schema", write(t, "tiny.yaml", tiny), "--rules", write(t, "r.yaml", tinyRules), "--recording", recording(t)}},
		{"port", []string{"--rules", "postgres://fairway:secret@127.0.0.1:x/y"}},
	} {
		err := run(t.Context(), append([]string{"--check-config"}, c.args...), &strings.Builder{}, &strings.Builder{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("fairwayd %q: %v; want an error about %s", c.args, err, c.want)
		}
	}
}
