package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/model"
)

// Watch calls changed with the latest version, if there is one, and again
// whenever another becomes the latest, until ctx ends or the connection is
// lost; it returns why. Start it again after a loss: it begins with the
// version of that time, so nothing is missed. It holds one connection of its
// own.
func (r *Registry) Watch(ctx context.Context, changed func(model.Version)) error {
	conn, err := pgx.ConnectConfig(ctx, r.db.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("postgres: watch: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return fmt.Errorf("postgres: watch: %w", err)
	}
	// Only after LISTEN, or a change in between would be missed.
	var version int64
	switch err := conn.QueryRow(ctx, `SELECT version FROM fairway.latest`).Scan(&version); {
	case err == nil:
		changed(model.Version(version))
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("postgres: watch: %w", err)
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("postgres: watch: %w", err)
		}
		v, err := strconv.ParseUint(n.Payload, 10, 64)
		if err != nil {
			continue // somebody else's: the channel is open to all
		}
		changed(model.Version(v))
	}
}
