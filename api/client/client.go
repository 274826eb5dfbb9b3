package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/router/picker"
)

// Client talks to daemons. It is safe for concurrent use.
type Client struct {
	cfg      Config
	targets  []*target
	current  atomic.Uint32 // position of the target that answered last
	services services
	static   map[string]*table
	rolls    atomic.Uint64
	proxy    uint64 // hash of its name
	reports  reports
	watching context.Context // ends with the client
	close    context.CancelFunc
	sending  sync.WaitGroup
	once     sync.Once
}

// Dial returns a client of the daemons that cfg names. It connects when it is
// first used, and has to be closed.
func Dial(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, static: map[string]*table{}, proxy: picker.Hash(cfg.Name)}
	if cfg.Name == "" {
		c.proxy = picker.Scramble(cfg.Seed)
	}
	for _, name := range cfg.Targets {
		t, err := newTarget(name, cfg)
		if err != nil {
			c.hangUp()
			return nil, fmt.Errorf("client: target %q: %w", name, err)
		}
		c.targets = append(c.targets, t)
	}
	for service, endpoints := range cfg.Static {
		c.static[service] = staticTable(service, endpoints)
	}
	c.services.known.Store(&map[string]*service{})
	c.services.all = map[string]*service{}
	c.rolls.Store(cfg.Seed)
	c.watching, c.close = context.WithCancel(context.Background())
	c.reports.queue, c.reports.closing = make(chan *report, cfg.Queue), make(chan struct{})
	c.sending.Go(c.send)
	return c, nil
}

// Close sends the reports that wait, for at most Config.Deadline, and ends the
// connections and with them every Watch. Picks go on answering.
func (c *Client) Close() error {
	var err error
	c.once.Do(func() {
		close(c.reports.closing)
		late := time.AfterFunc(c.cfg.Deadline, c.close) // what is being sent may wait for a daemon that hangs
		c.sending.Wait()
		late.Stop()
		c.close()
		err = c.hangUp()
	})
	return err
}

func (c *Client) hangUp() error {
	var first error
	for _, t := range c.targets {
		if err := t.conn.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// roll is splitmix64 over a shared counter (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", OOPSLA 2014).
func (c *Client) roll() uint64 {
	z := c.rolls.Add(0x9e3779b97f4a7c15)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
