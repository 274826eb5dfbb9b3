package lab

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"
)

// Validate reports the first setting that cannot be run.
func (c Config) Validate() error {
	switch {
	case c.Out == "":
		return errors.New("no directory for the recording; set Out")
	case c.Duration < 10*time.Second:
		return fmt.Errorf("duration %v is too short; want at least 10s", c.Duration)
	case len(c.EndpointCommand) == 0:
		return errors.New("no command that runs an endpoint; set EndpointCommand")
	case c.MaxSendDelay <= 0:
		return fmt.Errorf("a send delay of at most %v cannot be kept; want more than 0", c.MaxSendDelay)
	case c.Scrape < 100*time.Millisecond:
		return fmt.Errorf("a scrape every %v is too often; want 100ms or more", c.Scrape)
	case c.MinKept < 0:
		return fmt.Errorf("an interrupted recording cannot be kept from %v on; want 0 or more", c.MinKept)
	case len(c.Services) == 0:
		return errors.New("no services")
	case c.addresses() >= blockPorts:
		return fmt.Errorf("%d services and endpoints; want at most %d", c.addresses()-2, blockPorts-3)
	}
	seen := map[string]bool{}
	for _, s := range c.Services {
		if err := s.validate(seen); err != nil {
			return fmt.Errorf("service %q: %w", s.Name, err)
		}
	}
	return nil
}

// validate checks s, whose name and endpoints must not be in seen yet.
func (s Service) validate(seen map[string]bool) error {
	if err := newName(s.Name, seen); err != nil {
		return err
	}
	if !(s.Rate > 0) || math.IsInf(s.Rate, 0) {
		return fmt.Errorf("rate %v; want a finite number above 0", s.Rate)
	}
	if n := len(s.Endpoints); float64(n)*minShare > 1 || float64(n)*maxShare < 1 {
		return fmt.Errorf("%d endpoints cannot have shares within [%v, %v]", n, minShare, maxShare)
	}
	for _, e := range s.Endpoints {
		if err := newName(e.Name, seen); err != nil {
			return fmt.Errorf("endpoint: %w", err)
		}
		if e.ServiceTime <= 0 || e.Workers < 1 || e.Queue < 0 {
			return fmt.Errorf("endpoint %q: want a service time above 0, a worker or more, a queue of 0 or more", e.Name)
		}
	}
	return validateClasses(s.Classes)
}

func validateClasses(classes []Class) error {
	sum, names, asked := 0.0, map[string]bool{}, map[string]bool{}
	for _, c := range classes {
		if err := newName(c.Name, names); err != nil {
			return fmt.Errorf("class: %w", err)
		}
		request := c.Method + " " + c.Path
		if !requestForm.MatchString(request) || asked[request] {
			return fmt.Errorf("class %q: %q is no method and path, or another class has it", c.Name, request)
		}
		asked[request] = true
		if !(c.Share >= 0) || !(c.Cost > 0) || math.IsInf(c.Cost, 0) || c.Deadline <= 0 {
			return fmt.Errorf("class %q: want a share of 0 or more, a finite cost and a deadline above 0", c.Name)
		}
		sum += c.Share
	}
	if !(math.Abs(sum-1) <= 1e-9) {
		return fmt.Errorf("shares of the classes sum to %.6g; want 1", sum)
	}
	return nil
}

// Names and paths appear in HAProxy's configuration, in regular expressions
// and in CSV files, none of which should have to quote them.
var (
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	requestForm = regexp.MustCompile(`^[A-Z]+ /[A-Za-z0-9_/-]*$`)
)

// newName checks a name that must not be in seen yet, and puts it there.
func newName(name string, seen map[string]bool) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("name %q; want letters, digits, _ and - only", name)
	}
	if seen[name] {
		return fmt.Errorf("name %q is used twice", name)
	}
	seen[name] = true
	return nil
}
