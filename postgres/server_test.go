package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/postgres/pgtest"
)

// shared serves all tests that do not stop it; nil when there is no
// PostgreSQL on this machine.
var shared *pgtest.Server

// TestMain is also the program that kill_test.go kills.
func TestMain(m *testing.M) {
	if path := os.Getenv(publisher); path != "" {
		fmt.Fprintln(os.Stderr, publishForEver(path))
		os.Exit(1)
	}
	code := func() int {
		s, err := pgtest.New()
		if err == nil {
			err = s.Start()
			defer s.Remove()
		}
		if err != nil {
			if os.Getenv("CI") == "true" || !errors.Is(err, pgtest.ErrNone) {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			return m.Run()
		}
		defer s.Stop()
		shared = s
		return m.Run()
	}()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// deadline bounds a test that would otherwise hang.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

var databases atomic.Int64

// fresh is the URL of a new, empty database.
func fresh(t *testing.T) string {
	t.Helper()
	if shared == nil {
		t.Skip(pgtest.ErrNone)
	}
	name := fmt.Sprint("test", databases.Add(1))
	run(t, shared.URL("postgres"), "CREATE DATABASE "+name)
	return shared.URL(name)
}

// run executes one statement over a connection of its own.
func run(t *testing.T, url, statement string) {
	t.Helper()
	ctx := deadline(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) *Database {
	t.Helper()
	db, err := Open(deadline(t), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
