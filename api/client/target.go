package client

import (
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// target is one daemon, and whether it may be asked.
type target struct {
	name            string
	conn            *grpc.ClientConn
	router          fairwayv1.RouterClient
	retry, maxRetry time.Duration
	probe           time.Duration // how long a daemon that failed has to answer before others ask it too

	mu    sync.Mutex
	turn  int           // counts its failures and recoveries
	wait  time.Duration // how long the last failure left it alone; 0 while it answers
	until time.Time     // when it may be asked again
}

// maxWeights is the largest message of a Watch that is taken, in bytes: one
// service of 10,000 endpoints and several routes is some megabytes.
const maxWeights = 64 << 20

// longest is the longest that a daemon can have itself left alone.
const longest = time.Minute

func newTarget(name string, cfg Config) (*target, error) {
	conn, err := grpc.NewClient(name,
		grpc.WithTransportCredentials(cfg.Credentials),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxWeights), grpc.ForceCodecV2(fairwayv1.Codec{})),
		// A connection whose other end is gone without a word is closed after
		// 13 s, where the system would take many minutes.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: cfg.Retry, Multiplier: 2, Jitter: 0.5, MaxDelay: cfg.MaxRetry},
			MinConnectTimeout: cfg.MaxRetry,
		}))
	if err != nil {
		return nil, err
	}
	return &target{
		name: name, conn: conn, router: fairwayv1.NewRouterClient(conn),
		retry: cfg.Retry, maxRetry: cfg.MaxRetry, probe: cfg.Deadline,
	}, nil
}

// ask reports whether the target may be asked now, else for how long not. What
// came of it is told with the turn, to answered or failed. Of a target that
// failed one caller tries whether it answers again.
func (t *target) ask(now time.Time) (turn int, left time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if left := t.until.Sub(now); left > 0 {
		return 0, left
	}
	if t.wait > 0 {
		t.until = now.Add(t.probe)
	}
	return t.turn, 0
}

func (t *target) answered(turn int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn == t.turn && t.wait > 0 {
		t.turn, t.wait, t.until = t.turn+1, 0, time.Time{}
	}
}

// failed leaves the target alone for a while. Of many that failed together the
// first counts.
func (t *target) failed(turn int, now time.Time, err error, roll uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn != t.turn {
		return
	}
	t.turn++
	t.wait = min(max(2*t.wait, t.retry), t.maxRetry)
	t.until = now.Add(max(jitter(t.wait, roll), told(err)))
}

// jitter is d, more or less by half: callers that failed together do not come
// back together.
func jitter(d time.Duration, roll uint64) time.Duration {
	return d/2 + time.Duration(float64(d)*float64(roll>>11)/(1<<53))
}

// told is how long the daemon asks to be left alone, in the RetryInfo of an
// error; 0 where it does not say.
func told(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.RetryInfo); is {
			return min(max(info.GetRetryDelay().AsDuration(), 0), longest)
		}
	}
	return 0
}
