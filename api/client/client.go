package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// Config says how a Client behaves. Credentials and Clock must be given.
type Config struct {
	Credentials credentials.TransportCredentials // insecure.NewCredentials() without TLS
	Clock       func() time.Time                 // usually time.Now
	Seed        uint64                           // of the random numbers that pick
	// Retry is the time between two attempts to watch; it doubles with each
	// failure up to MaxRetry.
	Retry, MaxRetry time.Duration
}

// DefaultConfig tries again after 100 ms to 5 s.
func DefaultConfig() Config {
	return Config{Retry: 100 * time.Millisecond, MaxRetry: 5 * time.Second}
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Credentials == nil {
		errs = append(errs, errors.New("client: no credentials; want insecure.NewCredentials() or those of TLS"))
	}
	if c.Clock == nil {
		errs = append(errs, errors.New("client: no clock; want time.Now"))
	}
	if c.Retry <= 0 || c.MaxRetry < c.Retry {
		errs = append(errs, fmt.Errorf("client: retry is %v to %v; want more than 0, and increasing", c.Retry, c.MaxRetry))
	}
	return errors.Join(errs...)
}

// Client talks to one daemon. It is safe for concurrent use.
type Client struct {
	cfg    Config
	conn   *grpc.ClientConn
	router fairwayv1.RouterClient
	tables atomic.Pointer[map[string]*table] // by service; replaced, never written
	rolls  atomic.Uint64
}

// Dial returns a client of the daemon at target, such as "127.0.0.1:7443". It
// connects when it is first used.
func Dial(target string, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(cfg.Credentials))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	c := &Client{cfg: cfg, conn: conn, router: fairwayv1.NewRouterClient(conn)}
	c.tables.Store(&map[string]*table{})
	c.rolls.Store(cfg.Seed)
	return c, nil
}

// Decide asks the daemon about one request.
func (c *Client) Decide(ctx context.Context, in *fairwayv1.DecideRequest) (*fairwayv1.Decision, error) {
	return c.router.Decide(ctx, in)
}

// Close ends the connection, and with it every Watch.
func (c *Client) Close() error { return c.conn.Close() }
