package accesslog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config says how logs are read.
type Config struct {
	Format    string         // one of Formats; empty: recognised from the first lines
	LogFormat string         // nginx's log_format, for the format nginx
	Service   string         // what to call the service of every request; empty: what the line says
	Deadline  time.Duration  // that every request had, for the record; 0: none is known
	Location  *time.Location // of times that do not tell their zone: HAProxy's

	Window time.Duration // how long after its arrival a request may be logged and still be put in order
	Most   int           // requests that are held to be put in order
	Keep   int           // bad lines that are kept for people to look at
}

// DefaultConfig recognises the format and puts in order what took up to two
// minutes.
func DefaultConfig() Config {
	return Config{Location: time.UTC, Window: 2 * time.Minute, Most: 1 << 17, Keep: 20}
}

// Validate reports a setting that makes no sense.
func (c *Config) Validate() error {
	switch {
	case c.Format != "" && !slices.Contains(Formats(), c.Format):
		return fmt.Errorf("the format is %q; want one of %s", c.Format, strings.Join(Formats(), ", "))
	case c.LogFormat != "" && c.Format != "" && c.Format != nginxName:
		return fmt.Errorf("a log_format is nginx's, and the format is %q; leave one of them out", c.Format)
	case c.Location == nil:
		return errors.New("no time zone is given for times that do not tell theirs")
	case c.Deadline < 0:
		return fmt.Errorf("the deadline is %v; want 0 or more", c.Deadline)
	case c.Window <= 0 || c.Most < 1 || c.Keep < 0:
		return fmt.Errorf("window %v, most %d and keep %d: want more than 0 of the first two, and no negative number", c.Window, c.Most, c.Keep)
	}
	if c.LogFormat != "" {
		_, err := compileNginx(c.LogFormat)
		return err
	}
	return nil
}
