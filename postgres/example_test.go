package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/postgres"
)

// A database that does not answer is named, and the password is not.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := postgres.Open(ctx, "postgres://fairway:secret@127.0.0.1:1/models")
	what, _, _ := strings.Cut(err.Error(), ";")
	fmt.Println(what)
	// Output: postgres: database "models" at 127.0.0.1:1 does not answer
}
