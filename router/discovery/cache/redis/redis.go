// Package redis keeps the cache's entries in Redis, where all daemons of one scope find
// them. Of two that write, the newer entry stays.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
)

// Expiry is how long an entry is kept that nobody renews: far beyond its time to live,
// for a stale one is of use too.
const Expiry = 24 * time.Hour

// Redis is a layer of a cache. An entry is a hash with the fields time, in microseconds
// since 1970, and entry, its text, under fairway:SCOPE:KEY.
type Redis struct {
	client *redis.Client
	prefix string
	local  bool
	secure bool // by TLS
}

// credentials of a URL are not for logs.
var credentials = regexp.MustCompile(`//[^/@]*@`)

// New names a Redis by its URL, redis://, rediss:// or unix://, and connects when it is
// first asked. The error says what is wrong with the URL, without its credentials.
func New(url, scope string) (*Redis, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redis: want redis://user:password@host:port/number, rediss:// or unix:///path: %s", reason(err))
	}
	if _, port, err := net.SplitHostPort(o.Addr); o.Network == "tcp" && err == nil {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("redis: port %q is none from 1 to 65535", port)
		}
	}
	redis.SetLogger(silent{})
	o.Protocol = 2
	o.MaxRetries, o.DialerRetries = -1, 1 // the cache has a circuit
	o.ContextTimeoutEnabled = true
	o.ReadTimeout, o.WriteTimeout = -1, -1 // whoever asks says how long
	o.PoolSize, o.MaxActiveConns = 4, 8
	o.DisableIdentity = true
	o.Dialer = dialer(o.TLSConfig)
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Redis{redis.NewClient(o), "fairway:" + scope + ":", o.Network == "unix" || isLoopback(o.Addr), o.TLSConfig != nil}, nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip, parsed := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || parsed == nil && ip.IsLoopback())
}

// Local reports whether it is on this machine by its address: on the loopback, or a
// Unix socket.
func (r *Redis) Local() bool { return r.local }

// reason is what an error of the URL says, without the URL.
func reason(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) { // url.Error quotes it
		err = inner
	}
	return credentials.ReplaceAllString(err.Error(), "//…@")
}

// silent takes what go-redis would print to stderr: the cache logs what fails, once.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// Name is "redis".
func (r *Redis) Name() string { return "redis" }

// Get returns the text of a key.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, error) {
	text, err := r.client.HGet(ctx, r.prefix+key, "entry").Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, cache.ErrNone
	}
	return text, r.explained(err)
}

// put writes a text unless there is a newer one. What is of a time yet to come by the
// clock of Redis, more than ARGV[4] from now, does not count as newer. Of what is no
// hash of ours nothing is kept.
var put = redis.NewScript(`
local there = redis.pcall('HGET', KEYS[1], 'time')
if type(there) == 'table' and there.err then redis.call('DEL', KEYS[1]) there = false end
there = tonumber(there or '')
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
if there and there > tonumber(ARGV[1]) and there - now <= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], 'time', ARGV[1], 'entry', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)

// Put keeps a text unless there is a newer one.
func (r *Redis) Put(ctx context.Context, key string, at time.Time, text []byte) error {
	return r.explained(put.Run(ctx, r.client, []string{r.prefix + key}, at.UnixMicro(), text, Expiry.Milliseconds(), cache.MostSkew.Microseconds()).Err())
}

// Close closes the connections.
func (r *Redis) Close() error { return r.client.Close() }
