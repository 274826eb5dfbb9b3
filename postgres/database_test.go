package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOpenMigratesOnceWhoeverComes(t *testing.T) {
	url := fresh(t)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			db, err := Open(deadline(t), url)
			if err != nil {
				t.Error(err)
				return
			}
			db.Close()
		})
	}
	group.Wait()
	db := open(t, url)
	var applied, number int
	if err := db.pool.QueryRow(deadline(t), `SELECT count(*), max(number) FROM fairway.migration`).Scan(&applied, &number); err != nil {
		t.Fatal(err)
	}
	if want := written(t); applied != want || number != want {
		t.Errorf("%d migrations, up to %d; want %d", applied, number, want)
	}
}

// written is how many migrations there are.
func written(t *testing.T) int {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	url := fresh(t)
	open(t, url)
	run(t, url, `INSERT INTO fairway.migration (number) VALUES (99)`)
	_, err := Open(deadline(t), url)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("at migration 99, this program knows %d", written(t))) {
		t.Errorf("error %v; want one that names both migrations", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, url, want string }{
		{"nobody listens", "postgres://fairway:secret@127.0.0.1:1/models?connect_timeout=5", `database "models" at 127.0.0.1:1 does not answer; is it running`},
		{"no url", "postgres://fairway:secret@[", "want postgres://user@host:port/database"},
		{"bad port", "host=127.0.0.1 port=many password=secret", "want postgres://user@host:port/database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(deadline(t), c.url)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want one with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
	url := fresh(t)
	_, err := Open(deadline(t), strings.Replace(url, "postgres:///", "postgres:///no_", 1))
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("error %v; want one that says that the database does not exist", err)
	}
	expired, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	if _, err := Open(expired, url); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v; want the context's", err)
	}
}
