package rules

import (
	"net/url"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// value is the part of the request that the condition looks at, and whether
// the request has it. An empty path, method, host or zone is not there.
func (c *Condition) value(r *mesh.Request) (value string, there bool) {
	switch c.Of {
	case Header:
		value, there = r.Headers[c.Name]
		return value, there
	case Label:
		value, there = r.Source.Labels[c.Name]
		return value, there
	case Query:
		return parameter(r.Query, c.Name)
	case Path:
		value = r.Path
	case Method:
		value = r.Method
	case Host:
		value = r.Host
	case Zone:
		value = r.Source.Zone
	}
	return value, value != ""
}

// parameter finds the first parameter of a raw query by its unescaped name.
func parameter(query, name string) (string, bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if unescape(key) == name && pair != "" {
			return unescape(value), true
		}
	}
	return "", false
}

// unescape allocates only where something is escaped; what is escaped wrongly
// is taken as it stands.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return plain
}
