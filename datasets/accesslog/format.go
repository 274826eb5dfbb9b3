package accesslog

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// format is one way in which requests are logged.
type format struct {
	name   string
	parser func(c *Config) (parser, error)
}

func fixed(p parser) func(*Config) (parser, error) {
	return func(*Config) (parser, error) { return p, nil }
}

func ofNginx(unlessGiven string) func(*Config) (parser, error) {
	return func(c *Config) (parser, error) {
		f, err := compileNginx(cmp.Or(c.LogFormat, unlessGiven))
		return nginx{f}, err
	}
}

var formats = []format{
	{"haproxy", func(c *Config) (parser, error) { return haproxy{c.Location}, nil }},
	{"haproxy-json", func(c *Config) (parser, error) { return haproxyJSON{c.Location}, nil }},
	{"envoy", fixed(envoy{})},
	{"envoy-json", fixed(envoyJSON{})},
	{nginxName, ofNginx(NginxLogFormat)},
	{"nginx-json", fixed(nginxJSON{})},
	{"nginx-ingress", ofNginx(ingressLogFormat)},
	{"traefik", fixed(traefik{})},
	{"csv", func(*Config) (parser, error) { return &table{}, nil }},
}

// Formats are the names of the formats.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// named is the format of that name.
func named(name string) (format, error) {
	for _, f := range formats {
		if f.name == name {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("%q is no format; want one of %s", name, strings.Join(Formats(), ", "))
}

// recognise returns the format of which most of the lines are. It does not
// choose between two that read as many.
func (c *Config) recognise(lines []string) (format, error) {
	if c.Format != "" {
		return named(c.Format)
	}
	if c.LogFormat != "" {
		return named(nginxName)
	}
	var best []format
	most, why := 0, ""
	for _, f := range formats {
		p, err := f.parser(c)
		if err != nil {
			return format{}, err
		}
		n := 0
		for _, line := range lines {
			switch err := p.parse(line, &entry{service: c.Service}); {
			case err == nil:
				n++
			case why == "" && !errors.Is(err, errAlien) && !errors.Is(err, errHead):
				why = fmt.Sprintf("; of %s it would be: %v", f.name, err)
			}
		}
		switch {
		case n > most:
			best, most = []format{f}, n
		case n == most && n > 0:
			best = append(best, f)
		}
	}
	switch {
	case len(best) == 0 && len(lines) == 0:
		return format{}, errors.New("there is no line in it")
	case len(best) == 0:
		return format{}, fmt.Errorf("no format is recognised in the first %d lines (the first is %s)%s; name one with --format, of %s, or nginx's own with --log-format",
			len(lines), shown(lines[0]), why, strings.Join(Formats(), ", "))
	case len(best) > 1:
		return format{}, fmt.Errorf("the first lines are as much of %s as of %s: name one with --format", best[0].name, best[1].name)
	}
	return best[0], nil
}
