package file

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"
)

// Config says which files to watch.
type Config struct {
	// Files are names, or patterns such as /etc/targets/*.yaml (package filepath's
	// Match). A file that a pattern does not find any more is gone; one that is named
	// itself is missed.
	Files []string
	// Reread is how often all are read anyway: not every file system tells of changes.
	Reread time.Duration
	// Settle is how long a change is left to be finished before it is read.
	Settle time.Duration
	Clock  func() time.Time
	Log    *slog.Logger
}

// DefaultConfig reads again every half minute, and a change after a tenth of a second.
func DefaultConfig() Config {
	return Config{Reread: 30 * time.Second, Settle: 100 * time.Millisecond, Clock: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// Validate reports everything that is missing or out of range.
func (c Config) Validate() error {
	var errs []error
	if len(c.Files) == 0 {
		errs = append(errs, errors.New("file discovery: no file is named; want one such as /etc/targets/*.yaml"))
	}
	for _, pattern := range c.Files {
		if _, err := filepath.Match(pattern, ""); err != nil || pattern == "" {
			errs = append(errs, fmt.Errorf("file discovery: %q is no name or pattern of files; want one such as /etc/targets/*.yaml", pattern))
		}
	}
	if c.Reread < time.Second {
		errs = append(errs, fmt.Errorf("file discovery: files are read again every %v; want at least 1s", c.Reread))
	}
	if c.Settle < 0 || c.Settle > c.Reread {
		errs = append(errs, fmt.Errorf("file discovery: changes settle in %v; want from 0 to %v, when all is read anyway", c.Settle, c.Reread))
	}
	if c.Clock == nil || c.Log == nil {
		errs = append(errs, errors.New("file discovery: no clock or no log; want time.Now and a logger"))
	}
	return errors.Join(errs...)
}
