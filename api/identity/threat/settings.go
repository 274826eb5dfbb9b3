package threat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/api/identity"
)

// What Settings.Mode may be.
const (
	Off     = "off"     // nobody is judged
	DryRun  = "dry-run" // what would be refused is told, and let pass
	Enforce = "enforce"
)

// What Settings.OnHigh may be.
const (
	Refuse     = "refuse"
	Quarantine = "quarantine" // answered, without endpoints
)

// What Settings.OnFailure may be.
const (
	Open   = "open"   // who cannot be judged is low
	Closed = "closed" // who cannot be judged is high
)

// Settings are what an operator says of threats: the part `threats:` of an
// access file.
type Settings struct {
	Mode   string `yaml:"mode"`
	OnHigh string `yaml:"on_high"`
	// OnFailure is what becomes of callers while the judge itself fails: it
	// panicked, the clock went backwards, or there are more callers than it
	// remembers.
	OnFailure string `yaml:"on_failure"`
	// ShortLived is the longest life of a certificate, from its first moment to
	// its last, that is accepted of a medium threat.
	ShortLived time.Duration `yaml:"short_lived"`
	// NewServices and Denied are limits of ten minutes: services asked about
	// that this identity never asked about before, and different things that it
	// was denied. Nothing is refused for exceeding them, unless it is an anomaly
	// too: then the identity is a high threat.
	NewServices int `yaml:"new_services"`
	Denied      int `yaml:"denied"`
	// Hold is how long a level lasts after the last anomaly, before it goes one
	// step down.
	Hold      time.Duration `yaml:"hold"`
	Overrides []Override    `yaml:"overrides"`
}

// Override is a level that an operator says. It holds against the judge.
type Override struct {
	// Identity is a name, or the beginning of one and "*".
	Identity string `yaml:"identity" json:"identity"`
	Level    Level  `yaml:"level" json:"level"`
	// Until is when it ends; zero is never.
	Until time.Time `yaml:"until" json:"until,omitzero"`
	Why   string    `yaml:"why" json:"why"`
}

// DefaultSettings only tell.
func DefaultSettings() Settings {
	return Settings{
		Mode: DryRun, OnHigh: Refuse, OnFailure: Open, ShortLived: 24 * time.Hour,
		NewServices: 32, Denied: 16, Hold: 5 * time.Minute,
	}
}

// Validate reports everything that is out of range.
func (s *Settings) Validate() error {
	var errs []error
	word := func(name, is string, of ...string) {
		for _, w := range of {
			if w == is {
				return
			}
		}
		errs = append(errs, fmt.Errorf("threats: %s is %q; want %s", name, is, strings.Join(of, " or ")))
	}
	word("mode", s.Mode, Off, DryRun, Enforce)
	word("on_high", s.OnHigh, Refuse, Quarantine)
	word("on_failure", s.OnFailure, Open, Closed)
	if s.ShortLived < time.Minute {
		errs = append(errs, fmt.Errorf("threats: short_lived is %v; want at least 1m, such as 24h", s.ShortLived))
	}
	if s.Hold < time.Second || s.Hold > 24*time.Hour {
		errs = append(errs, fmt.Errorf("threats: hold is %v; want 1s to 24h", s.Hold))
	}
	for _, n := range []struct {
		name string
		n    int
	}{{"new_services", s.NewServices}, {"denied", s.Denied}} {
		if n.n < 1 || n.n > 1<<20 {
			errs = append(errs, fmt.Errorf("threats: %s is %d; want 1 to 1048576", n.name, n.n))
		}
	}
	if len(s.Overrides) > mostOverrides {
		errs = append(errs, fmt.Errorf("threats: %d overrides; want at most %d", len(s.Overrides), mostOverrides))
	}
	for i := range s.Overrides {
		if err := s.Overrides[i].Validate(); err != nil {
			errs = append(errs, fmt.Errorf("threats: overrides[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// mostOverrides bounds those of a file, and those said while running.
const mostOverrides = 1000

// Validate reports an override that names nobody, or no reason.
func (o *Override) Validate() error {
	start, _ := strings.CutSuffix(o.Identity, "*")
	switch {
	case o.Identity == "" || strings.Contains(start, "*"):
		return fmt.Errorf("identity %q; want a name, or the beginning of one and *", o.Identity)
	case o.Level > High:
		return fmt.Errorf("%v of %s; want low, medium or high", o.Level, o.Identity)
	case strings.TrimSpace(o.Why) == "":
		return fmt.Errorf("no reason why %s is %v; want why: …", o.Identity, o.Level)
	case len(o.Identity) > 2048 || len(o.Why) > 2048:
		return fmt.Errorf("more than 2048 bytes of identity or reason")
	}
	return nil
}

// over is the override that holds for name now; the most exact of those that fit,
// and of two alike the later.
func over(all []Override, name string, now time.Time) (best *Override) {
	for i := range all {
		o := &all[i]
		if !o.Until.IsZero() && !now.Before(o.Until) || !identity.Match(o.Identity, name) {
			continue
		}
		if best == nil || o.Identity == name || best.Identity != name && len(o.Identity) >= len(best.Identity) {
			best = o
		}
	}
	return best
}
