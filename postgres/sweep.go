package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// sweep deletes the oldest rows, piece by piece, where they are too old.
func (l *Log) sweep(ctx context.Context) {
	now := time.Now()
	if l.cfg.Keep == 0 || !l.behind && now.Sub(l.swept) < l.cfg.Sweep {
		return
	}
	l.swept, l.behind = now, false
	for i := range tables {
		n, err := l.delete(ctx, tables[i].name)
		if err != nil {
			if ctx.Err() == nil {
				l.mu.Lock()
				l.stats.Err = cmp.Or(l.stats.Err, fmt.Errorf("postgres: deleting what is old: %w", err))
				l.mu.Unlock()
			}
			return
		}
		l.mu.Lock()
		l.stats.Deleted += uint64(n)
		l.mu.Unlock()
		l.behind = l.behind || n == l.cfg.Piece
	}
}

// delete takes away some of the oldest rows of a table, as far as they are too
// old and nobody else is about to. The number of a row tells its age among
// others, and it is indexed.
func (l *Log) delete(ctx context.Context, table string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.db.Ask(ctx); err != nil {
		return 0, err
	}
	tag, err := l.db.pool.Exec(ctx, `WITH oldest AS (SELECT id, stored FROM fairway.`+table+` ORDER BY id LIMIT $2),
		old AS (SELECT id FROM fairway.`+table+` WHERE id IN (SELECT id FROM oldest WHERE stored < now() - make_interval(secs => $1)) FOR UPDATE SKIP LOCKED)
		DELETE FROM fairway.`+table+` WHERE id IN (SELECT id FROM old)`,
		l.cfg.Keep.Seconds(), l.cfg.Piece)
	if err == nil && table == tables[0].name {
		// A stream is not written to for so long only after its journal has gone.
		_, err = l.db.pool.Exec(ctx, `DELETE FROM fairway.stored WHERE time < now() - make_interval(secs => $1) - interval '90 days'`, l.cfg.Keep.Seconds())
	}
	return int(tag.RowsAffected()), err
}
