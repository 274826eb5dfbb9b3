package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/model"
)

// versions is a table of numbered versions, of which one is the latest: of
// models or of rules.
type versions struct {
	db      *Database
	subject string // of the events
	table   string
	latest  string // table of the one row that names the latest
	channel string // where a change of it is announced
	lock    int64
}

func modelVersions(d *Database) versions {
	return versions{d, model.SubjectModel, "fairway.model", "fairway.latest", "fairway_latest", publishLock}
}

func rulesVersions(d *Database) versions {
	return versions{d, model.SubjectRules, "fairway.rules", "fairway.latest_rules", "fairway_latest_rules", publishRulesLock}
}

// errf names what was tried.
func (v *versions) errf(what string, err error) error {
	return fmt.Errorf("postgres: %s: %w", what, err)
}

// publish stores a version through insert and makes it the latest. It returns
// a number only after the database has committed it.
func (v *versions) publish(ctx context.Context, e model.Event, insert func(pgx.Tx, int64) error) (model.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := v.db.Ask(ctx); err != nil {
		return 0, err
	}
	tx, err := v.db.pool.Begin(ctx)
	if err != nil {
		return 0, v.errf("publish", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // does nothing after a commit
	var version int64
	err = v.hold(ctx, tx)
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT coalesce(max(version), 0) + 1 FROM `+v.table).Scan(&version)
	}
	if err == nil {
		err = insert(tx, version)
	}
	if err == nil {
		err = v.point(ctx, tx, version, e)
	}
	if err != nil {
		return 0, v.errf("publish", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, v.errf("publish", fmt.Errorf("version %d may or may not be stored; list before trying again: %w", version, err))
	}
	return model.Version(version), nil
}

// change makes another version the latest; when from is not 0, only if that
// is it now.
func (v *versions) change(ctx context.Context, from, to model.Version, e model.Event) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := v.db.Ask(ctx); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, v.db.pool, func(tx pgx.Tx) error {
		if err := v.hold(ctx, tx); err != nil {
			return err
		}
		if now, err := v.now(ctx, tx); err != nil {
			return err
		} else if from != 0 && now != int64(from) {
			return fmt.Errorf("from version %d: %w (%d)", from, model.ErrMoved, now)
		}
		var exists bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+v.table+` WHERE version = $1)`, int64(to)).Scan(&exists); err != nil {
			return err
		}
		if !exists {
			return fmt.Errorf("there is no version %d; list names those that exist", to)
		}
		return v.point(ctx, tx, int64(to), e)
	})
	if err != nil {
		return v.errf(map[string]string{model.Promoted: "promote", model.RolledBack: "roll back"}[e.Kind], err)
	}
	return nil
}

// hold makes the publishers and promoters wait for each other, so that
// versions have no gaps and the last to commit wins.
func (v *versions) hold(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, v.lock)
	return err
}

// now is the latest version, 0 when there is none.
func (v *versions) now(ctx context.Context, q interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) (version int64, err error) {
	err = q.QueryRow(ctx, `SELECT version FROM `+v.latest).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return version, err
}

// point makes a version the latest, records that, and announces it at the
// commit.
func (v *versions) point(ctx context.Context, tx pgx.Tx, version int64, e model.Event) error {
	now, err := v.now(ctx, tx)
	if err != nil {
		return err
	}
	e.Subject, e.Version = v.subject, fmt.Sprint(version)
	if now != 0 {
		e.From = fmt.Sprint(now)
	}
	_, err = tx.Exec(ctx, `INSERT INTO `+v.latest+` (version) VALUES ($1) ON CONFLICT (one) DO UPDATE SET version = excluded.version`, version)
	if err != nil {
		return err
	}
	if err := v.db.insertEvent(ctx, tx, e); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `SELECT pg_notify($1, $2)`, v.channel, fmt.Sprint(version))
	return err
}

// Record implements model.Registry. The event is on the disk of the database
// when it returns.
func (v *versions) Record(ctx context.Context, e model.Event) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := v.db.Ask(ctx); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, v.db.pool, func(tx pgx.Tx) error { return v.db.insertEvent(ctx, tx, e) })
	if err != nil {
		return v.errf("event", err)
	}
	return nil
}

func (d *Database) insertEvent(ctx context.Context, tx pgx.Tx, e model.Event) error {
	if err := e.Validate(); err != nil {
		return err
	}
	at := &e.Time
	if e.Time.IsZero() {
		at = nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO fairway.event (time, kind, subject, version, from_version, author, text) VALUES (coalesce($1, now()), $2, $3, $4, $5, $6, $7)`,
		at, e.Kind, e.Subject, clean(e.Version), clean(e.From), clean(cmp.Or(e.By, d.By)), clean(e.Text))
	return err
}

// Events implements model.Registry.
func (v *versions) Events(ctx context.Context, n int) ([]model.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := v.db.Ask(ctx); err != nil {
		return nil, err
	}
	limit := &n
	if n < 1 {
		limit = nil
	}
	rows, err := v.db.pool.Query(ctx, `SELECT time, kind, subject, version, from_version, author, text
		FROM fairway.event WHERE subject = $1 ORDER BY id DESC LIMIT $2`, v.subject, limit)
	if err != nil {
		return nil, v.errf("events", err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (model.Event, error) {
		var e model.Event
		err := row.Scan(&e.Time, &e.Kind, &e.Subject, &e.Version, &e.From, &e.By, &e.Text)
		e.Time = e.Time.UTC()
		return e, err
	})
	if err != nil {
		return nil, v.errf("events", err)
	}
	slices.Reverse(events)
	return events, nil
}

// Watch implements model.Watcher. It listens on a connection of its own and
// looks every Poll of the database besides: a notice that got lost, because
// the connection or the server did or because something between them does not
// pass notices on, is found then.
func (v *versions) Watch(ctx context.Context, changed func(model.Version)) error {
	var seen int64
	look := func(version int64) {
		if version != 0 && version != seen {
			seen = version
			changed(model.Version(version))
		}
	}
	for {
		if err := v.listen(ctx, look); ctx.Err() == nil { // being stopped is no failure
			v.db.note(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(v.db.Poll, time.Second)):
		}
	}
}

// listen looks until the connection is lost or ctx ends, and says why.
func (v *versions) listen(ctx context.Context, look func(int64)) error {
	begin, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := v.db.Ask(begin); err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(begin, v.db.pool.Config().ConnConfig)
	if err != nil {
		return v.errf("watch", err)
	}
	defer closeSoon(conn)
	// Before the first look, or a change in between would be missed.
	if _, err := conn.Exec(begin, `LISTEN `+v.channel); err != nil {
		return v.errf("watch", err)
	}
	for {
		if err := v.poll(ctx, conn, look); err != nil {
			return v.errf("watch", err)
		}
		wait, cancel := context.WithTimeout(ctx, v.db.Poll)
		_, err := conn.WaitForNotification(wait)
		due := wait.Err() != nil && ctx.Err() == nil
		cancel()
		if err != nil && !due {
			return v.errf("watch", err)
		}
	}
}

func (v *versions) poll(ctx context.Context, conn *pgx.Conn, look func(int64)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	version, err := v.now(ctx, conn)
	if err != nil {
		return err
	}
	v.db.note(nil)
	look(version)
	return nil
}

// closeSoon does not wait for a server that is gone.
func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn.Close(ctx)
}
