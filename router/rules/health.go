package rules

import (
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Health says how the endpoints of a service are checked. Without Checks they are
// not.
type Health struct {
	Checks            []HealthCheck
	Interval, Timeout time.Duration
	// Minimum is the part of the checks, 0 to 1, that must pass.
	Minimum float64
	// Rise and Fall are after how many rounds in a row an endpoint is healthy
	// again, or unhealthy.
	Rise, Fall int
}

// HealthCheck is one thing that an endpoint is asked.
type HealthCheck struct {
	Kind string // tcp, http or grpc
	Port int    // 0: that of the endpoint's address
	Path string // of http: what is asked for
	// Service is what grpc asks for; empty is the endpoint as a whole.
	Service string
}

// DefaultHealth asks every 5 s, waits 1 s, and is content with half of the checks;
// three failures and two passes in a row change its mind, as in HAProxy.
func DefaultHealth() Health {
	return Health{Interval: 5 * time.Second, Timeout: time.Second, Minimum: 0.5, Rise: 2, Fall: 3}
}

// mostChecks bounds what one endpoint is asked at once.
const mostChecks = 10

func (r *reader) health(n *yaml.Node) Health {
	h, failed := DefaultHealth(), len(r.errs)
	r.fields(n, "health", map[string]func(*yaml.Node){
		"checks": func(n *yaml.Node) {
			r.list(n, "checks", func(n *yaml.Node) { h.Checks = append(h.Checks, r.healthCheck(n)) })
		},
		"interval":        func(n *yaml.Node) { h.Interval = r.duration(n, "interval") },
		"timeout":         func(n *yaml.Node) { h.Timeout = r.duration(n, "timeout") },
		"minimum_healthy": func(n *yaml.Node) { h.Minimum = r.number(n, "minimum_healthy", 0, 1) },
		"rise":            func(n *yaml.Node) { h.Rise = r.count(n, "rise", 1, 100) },
		"fall":            func(n *yaml.Node) { h.Fall = r.count(n, "fall", 1, 100) },
	})
	const least = 100 * time.Millisecond
	switch {
	case len(r.errs) > failed:
	case len(h.Checks) == 0:
		r.fail(n, "health has no checks; write at least one, such as checks: [{tcp: {}}]")
	case len(h.Checks) > mostChecks:
		r.fail(n, "health has %d checks; write at most %d", len(h.Checks), mostChecks)
	case h.Minimum == 0:
		r.fail(n, "minimum_healthy is 0, which no endpoint can fail; write more than 0, at most 1")
	case h.Interval < least:
		r.fail(n, "interval is %v; write at least %v", h.Interval, least)
	case h.Timeout > h.Interval:
		r.fail(n, "timeout is %v and interval %v; write a timeout that is no longer than the interval", h.Timeout, h.Interval)
	}
	return h
}

// healthCheck reads {tcp: {port: 9000}}, {http: {path: /healthz}} or
// {grpc: {service: reviews}}; nothing in place of the fields means the defaults.
func (r *reader) healthCheck(n *yaml.Node) (c HealthCheck) {
	port := func(n *yaml.Node) { c.Port = r.count(n, "port", 1, 65535) }
	kinds := map[string]map[string]func(*yaml.Node){
		"tcp": {"port": port},
		"http": {"port": port, "path": func(n *yaml.Node) {
			c.Path = r.text(n, "path")
			if _, err := url.ParseRequestURI(c.Path); err != nil || !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " \t") {
				r.fail(n, "path is %q; write one that begins with / and has no spaces, such as /healthz", c.Path)
			}
		}},
		"grpc": {"port": port, "service": func(n *yaml.Node) { c.Service = r.text(n, "service") }},
	}
	count, failed := 0, len(r.errs)
	r.pairs(n, "a check", "its kind, such as {http: {path: /healthz}}", func(key, value *yaml.Node) {
		fields, ok := kinds[key.Value]
		if !ok {
			r.fail(key, "unknown check %q; use one of tcp, http, grpc", key.Value)
			return
		}
		count++
		c = HealthCheck{Kind: key.Value}
		if c.Kind == "http" {
			c.Path = "/"
		}
		if value.Kind != yaml.ScalarNode || value.Tag != "!!null" {
			r.fields(value, c.Kind, fields)
		}
	})
	if count != 1 && len(r.errs) == failed {
		r.fail(n, "a check has %d kinds; write each as an entry of its own, such as [{tcp: {}}, {grpc: {}}]", count)
	}
	return c
}
