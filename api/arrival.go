package api

import (
	"context"
	"time"

	"google.golang.org/grpc/tap"
)

// arrival is the context of a call that knows when its headers came.
type arrival struct {
	context.Context
	at time.Time
}

type arrivalKey struct{}

func (a *arrival) Value(key any) any {
	if key == (arrivalKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// Arrive is a tap (grpc.InTapHandle) that notes when the headers of a call
// came, in the goroutine that reads the connection: what a call waits for a
// goroutine, and for its message to be read, is then part of its time.
func (m *Metrics) Arrive(ctx context.Context, _ *tap.Info) (context.Context, error) {
	return &arrival{ctx, m.clock()}, nil
}

// Arrived is when the headers of the call came, where Arrive noted it.
func Arrived(ctx context.Context) (time.Time, bool) {
	if a, ok := ctx.Value(arrivalKey{}).(*arrival); ok {
		return a.at, true
	}
	return time.Time{}, false
}
