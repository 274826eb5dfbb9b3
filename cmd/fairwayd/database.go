package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/postgres"
	"github.com/fairway-mesh/fairway/router/loop"
)

// databaseOptions say where the journal goes in the end.
type databaseOptions struct {
	database string
	keep     time.Duration
}

func (o *databaseOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.database, "database", "", "`URL` of a PostgreSQL database that the journal is stored in, such as postgres://user@host/name; default: it stays on disk")
	fs.DurationVar(&o.keep, "keep", postgres.DefaultLogConfig().Keep, "how `long` the database keeps what the journal says; 0: for ever")
}

func (o *databaseOptions) check() error {
	switch {
	case o.database != "" && !inDatabase(o.database):
		return usage(fmt.Sprintf("--database is %q; want postgres://user@host:port/name", masked(o.database)))
	case o.keep < 0:
		return usage(fmt.Sprintf("--keep is %v; want 0, which is for ever, or more", o.keep))
	}
	return nil
}

var postgresURL = regexp.MustCompile(`^postgres(ql)?://`)

// inDatabase reports whether a model, rules or a log are in PostgreSQL.
func inDatabase(where string) bool { return postgresURL.MatchString(where) }

// soon bounds what a start waits for a database that does not answer, and what a
// stop does.
const soon = 2 * time.Second

// openDatabase names a database; there is one pool for what names the same. It need
// not answer: the log tells when it does not, and when it does again.
func (d *daemon) openDatabase(url string) (*postgres.Database, error) {
	if db := d.databases[url]; db != nil {
		return db, nil
	}
	db, err := postgres.Connect(url)
	if err != nil {
		return nil, err
	}
	if d.databases == nil {
		d.databases = map[string]*postgres.Database{}
	}
	d.databases[url] = db
	db.By = ownName()
	db.Trouble = func(err error) {
		if err != nil {
			d.log.Error("the database does not do what it is asked to; it is asked again and again", "database", masked(url), "error", masked(err.Error()))
			return
		}
		d.log.Info("the database answers", "database", masked(url))
	}
	return db, nil
}

// ownName is who records events.
func ownName() string {
	hostname, _ := os.Hostname() // for events only
	return "fairwayd " + cmp.Or(hostname, "of a host without a name")
}

// openRegistry opens a registry of models, in a directory or a database; nil for a
// file.
func (d *daemon) openRegistry(where string) (model.Registry, error) {
	if inDatabase(where) {
		db, err := d.openDatabase(where)
		if err != nil {
			return nil, err
		}
		d.watch(model.SubjectModel, db.Registry())
		return db.Registry(), nil
	}
	if info, err := os.Stat(where); err != nil || !info.IsDir() {
		return nil, nil // what is wrong with a file is told when it is read
	}
	directory, err := model.OpenDirectory(where)
	if err != nil {
		return nil, err
	}
	return directory, nil
}

// watch has somebody tell of changes, so that they need not be looked for as often.
func (d *daemon) watch(subject string, w model.Watcher) {
	if d.watchers == nil {
		d.watchers = map[string]model.Watcher{}
	}
	d.watchers[subject] = w
}

// openLog begins to store the journal, if somebody asks for that, and registers what
// is counted of databases.
func (d *daemon) openLog() error {
	if d.checkConfig {
		return d.checkDatabase()
	}
	if d.database != "" && d.journal == nil {
		return usage("--database stores the journal, and there is none: give --journal DIR or --state DIR")
	}
	if d.database != "" {
		db, err := d.openDatabase(d.database)
		if err != nil {
			return fmt.Errorf("--database: %w", err)
		}
		cfg := postgres.DefaultLogConfig()
		cfg.Keep = d.keep
		cfg.Trouble = func(err error) {
			d.log.Error("the journal is not stored as it should be", "error", masked(err.Error()))
		}
		if d.stored, err = db.Log(d.journal, cfg); err != nil {
			return fmt.Errorf("--database: %w", err)
		}
	}
	if len(d.databases) > 0 {
		d.reg.MustRegister(postgres.Metrics(d.stored, d.databases))
	}
	return nil
}

// checkDatabase asks whether there is a database, where one is named.
func (d *daemon) checkDatabase() error {
	if d.database == "" {
		return nil
	}
	db, err := d.openDatabase(d.database)
	if err != nil {
		return fmt.Errorf("--database: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
	defer cancel()
	if err := db.Ask(ctx); err != nil {
		return fmt.Errorf("--database: %w", err)
	}
	return nil
}

// storeLog stores the journal until ctx ends.
func (d *daemon) storeLog(ctx context.Context, g *errgroup.Group) {
	if d.stored != nil {
		g.Go(func() error { d.stored.Run(ctx); return nil })
	}
}

// closeDatabases stores what the journal has still, if the database takes it soon:
// else the next run does. Call it before the journal is closed, when nothing runs any
// more.
func (d *daemon) closeDatabases() {
	if d.stored != nil {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := errors.Join(d.journal.Flush(ctx), d.stored.Drain(ctx)); err != nil {
			d.log.Warn("the rest of the journal is stored by the next run", "error", masked(err.Error()))
		}
		d.stored.Close()
	}
	for _, db := range d.databases {
		db.Close()
	}
}

// openDatabaseRules finds the rules to begin with in a database. Where it does not
// answer, and nothing is known from a run before, the daemon begins without rules.
func (d *daemon) openDatabaseRules(ctx context.Context) (first loop.Change, err error) {
	db, err := d.openDatabase(d.options.rules)
	if err != nil {
		return first, err
	}
	d.watch(model.SubjectRules, db.Rules())
	d.rulesFrom = loop.RegistryRules(db.Rules(), db.By)
	if last, there := d.lastServed(model.SubjectRules); there {
		return last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	now, err := loop.First(ctx, d.rulesFrom)
	if first, err = d.begin(model.SubjectRules, now, err); err == nil || d.checkConfig {
		return first, err
	}
	d.log.Error("the rules cannot be read; until they can, every service has one route with all endpoints", "error", masked(err.Error()))
	return loop.Change{Version: loop.Version{Subject: model.SubjectRules}}, nil
}
