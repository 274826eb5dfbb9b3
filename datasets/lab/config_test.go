package lab

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	if err := smallConfig().Validate(); err != nil {
		t.Fatalf("a valid configuration: %v", err)
	}
	for want, spoil := range map[string]func(c *Config, s *Service, e *Endpoint, k *Class){
		"set Out":                                 func(c *Config, _ *Service, _ *Endpoint, _ *Class) { c.Out = "" },
		"duration 9.999s is too short":            func(c *Config, _ *Service, _ *Endpoint, _ *Class) { c.Duration = 9999 * time.Millisecond },
		"set EndpointCommand":                     func(c *Config, _ *Service, _ *Endpoint, _ *Class) { c.EndpointCommand = nil },
		"send delay of at most 0s":                func(c *Config, _ *Service, _ *Endpoint, _ *Class) { c.MaxSendDelay = 0 },
		"cannot be kept from -1ns on":             func(c *Config, _ *Service, _ *Endpoint, _ *Class) { c.MinKept = -1 },
		"want 100ms or more":                      func(c *Config, _ *Service, _ *Endpoint, _ *Class) { c.Scrape = 99 * time.Millisecond },
		"no services":                             func(c *Config, _ *Service, _ *Endpoint, _ *Class) { c.Services = nil },
		"want at most 97":                         func(c *Config, s *Service, _ *Endpoint, _ *Class) { s.Endpoints = make([]Endpoint, 96) },
		`service "check out": name "check out"`:   func(_ *Config, s *Service, _ *Endpoint, _ *Class) { s.Name = "check out" },
		`name "catalog" is used twice`:            func(_ *Config, s *Service, _ *Endpoint, _ *Class) { s.Name = "catalog" },
		"rate 0; want":                            func(_ *Config, s *Service, _ *Endpoint, _ *Class) { s.Rate = 0 },
		"rate NaN; want":                          func(_ *Config, s *Service, _ *Endpoint, _ *Class) { s.Rate = math.NaN() },
		"rate +Inf; want":                         func(_ *Config, s *Service, _ *Endpoint, _ *Class) { s.Rate = math.Inf(1) },
		"1 endpoints cannot have shares within":   func(_ *Config, s *Service, _ *Endpoint, _ *Class) { s.Endpoints = s.Endpoints[:1] },
		"51 endpoints cannot have shares":         func(_ *Config, s *Service, _ *Endpoint, _ *Class) { s.Endpoints = make([]Endpoint, 51) },
		`endpoint: name "a,b"; want letters`:      func(_ *Config, _ *Service, e *Endpoint, _ *Class) { e.Name = "a,b" },
		`endpoint: name "checkout" is used twice`: func(_ *Config, _ *Service, e *Endpoint, _ *Class) { e.Name = "checkout" },
		"want a service time above 0":             func(_ *Config, _ *Service, e *Endpoint, _ *Class) { e.ServiceTime = 0 },
		"a worker or more":                        func(_ *Config, _ *Service, e *Endpoint, _ *Class) { e.Workers = 0 },
		"a queue of 0 or more":                    func(_ *Config, _ *Service, e *Endpoint, _ *Class) { e.Queue = -1 },
		`class: name "heavy" is used twice`:       func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Name = "heavy" },
		`"get /cart" is no method and path`:       func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Method = "get" },
		`"GET /a,b" is no method and path`:        func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Path = "/a,b" },
		"another class has it":                    func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Path = "/quote" },
		"want a share of 0 or more":               func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Share = math.NaN() },
		"a finite cost and a deadline above 0":    func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Cost = math.Inf(1) },
		"a deadline above 0":                      func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Deadline = 0 },
		"classes sum to 1.2; want 1":              func(_ *Config, _ *Service, _ *Endpoint, k *Class) { k.Share += 0.2 },
	} {
		c := smallConfig()
		s := &c.Services[0]
		spoil(&c, s, &s.Endpoints[0], &s.Classes[0])
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v; want one with %q", err, want)
		}
	}
}

// TestDefaultLoad checks what DefaultConfig says of its sizes.
func TestDefaultLoad(t *testing.T) {
	c := DefaultConfig()
	c.Out, c.EndpointCommand = "recording", []string{"endpoint"}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Services {
		cost := 0.0
		for _, k := range s.Classes {
			cost += k.Share * k.Cost
		}
		for _, e := range s.Endpoints {
			capacity := float64(e.Workers) / e.ServiceTime.Seconds() / cost
			if equal := s.Rate / float64(len(s.Endpoints)) / capacity; equal < 0.15 || equal > 0.3 {
				t.Errorf("%s at an equal share is busy for %.2f", e.Name, equal)
			}
			largest := maxShare * s.Rate / capacity
			height := largest * (1 + dayDepth)
			if largest > 0.85 || height > 1.2 || height*burstFactor < 1.2 {
				t.Errorf("%s at the largest share is busy for %.2f, at the height of the day for %.2f, in a burst then for %.2f", e.Name, largest, height, height*burstFactor)
			}
		}
	}
}
