package consul

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/config"
)

// Config says which Consul to ask, and for what.
type Config struct {
	Address string // URL of an agent or a server
	// Datacenter, Namespace and Partition are where to look; empty: the agent's own,
	// and those of its token.
	Datacenter, Namespace, Partition string
	// Services are those to watch; none: all in the catalog.
	Services []string
	// Token is sent with each request, or what TokenFile holds at that time.
	Token, TokenFile string
	HTTP             config.HTTPClientConfig // TLS and proxies
	// Wait is how long Consul keeps a request open while nothing changes, at most.
	Wait time.Duration
	// Timeout is how long an answer may take beyond that, and Gap the least time
	// between two requests for the same.
	Timeout, Gap time.Duration
	Seed         uint64 // of the pauses' jitter
	Clock        func() time.Time
	Log          *slog.Logger
}

// DefaultConfig asks the agent of this machine for all services.
func DefaultConfig() Config {
	c := Config{
		Address: "http://127.0.0.1:8500", HTTP: config.DefaultHTTPClientConfig, Wait: 2 * time.Minute, Timeout: 15 * time.Second, Gap: 200 * time.Millisecond,
		Seed: 1, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	c.HTTP.ProxyFromEnvironment = true
	c.HTTP.FollowRedirects = false // the token is for who was named
	return c
}

// Parse makes of a URL the default settings with its arguments: dc, ns, partition,
// service (as often as wanted) and token_file, as in
// http://127.0.0.1:8500?dc=east&service=reviews&service=cart.
func Parse(text string) (Config, error) {
	c := DefaultConfig()
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return c, errors.New("consul discovery: the URL is none; want one such as http://127.0.0.1:8500?dc=east")
	}
	arguments, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return c, errors.New("consul discovery: the URL's arguments cannot be read; want some such as ?dc=east&service=reviews")
	}
	into := map[string]*string{"dc": &c.Datacenter, "ns": &c.Namespace, "partition": &c.Partition, "token_file": &c.TokenFile}
	for name, values := range arguments {
		switch at := into[name]; {
		case name == "service":
			c.Services = slices.Compact(slices.Sorted(slices.Values(values)))
		case name == "token":
			return c, errors.New("consul discovery: the URL holds a token, which others could read; write it to a file and give token_file, or set CONSUL_HTTP_TOKEN")
		case at == nil:
			return c, fmt.Errorf("consul discovery: the URL's argument %q is none; want dc, ns, partition, service or token_file", name)
		case len(values) > 1:
			return c, fmt.Errorf("consul discovery: the URL gives %s twice", name)
		default:
			*at = values[0]
		}
	}
	u.RawQuery = ""
	c.Address = u.String()
	return c, c.Validate()
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("consul discovery: "+format, args...))
	}
	if u, err := url.Parse(c.Address); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		wrong("the address is no URL; want one such as http://127.0.0.1:8500") // not shown: it may hold a password
	}
	if c.Token != "" && c.TokenFile != "" {
		wrong("both a token and a file of one; want one of them")
	}
	if len(c.Services) > mostServices || slices.Contains(c.Services, "") {
		wrong("%d services, or one without a name; want at most %d", len(c.Services), mostServices)
	}
	if c.Wait < time.Second || c.Wait > 10*time.Minute {
		wrong("requests wait for %v; want 1s to 10m, which is Consul's most", c.Wait)
	}
	if c.Timeout <= 0 || c.Gap < time.Millisecond {
		wrong("timeout %v, gap %v; want more than 0 and at least 1ms", c.Timeout, c.Gap)
	}
	if c.Clock == nil || c.Log == nil {
		wrong("no clock or no log; want time.Now and a logger")
	}
	return errors.Join(errs...)
}

// Bounds of what is asked for and found.
const (
	mostServices  = 2_000
	mostInstances = 10_000 // of one service
	longestAnswer = 16 << 20
	// mostAtOnce is how many requests wait at once: an agent lets a client have 200
	// connections (limits.http_max_conns_per_client). Where there are more services
	// they take turns, of shortWait each.
	mostAtOnce = 100
	shortWait  = time.Second
)
