package rules

import (
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// Key is what tells the session of a request: the first of Hash that it has. It is
// empty where it has none, and then the request is of no session; the caller's
// address (HashSource) is known to the proxy alone, which sends it as the session key.
// It allocates only to unescape a query parameter.
func (b *Balance) Key(r *mesh.Request) string {
	for i := range b.Hash {
		k := &b.Hash[i]
		value := ""
		switch k.Of {
		case HashHeader:
			value = r.Headers[k.Name]
		case HashCookie:
			value = cookie(r.Headers["cookie"], k.Name)
		case HashQuery:
			value, _ = parameter(r.Query, k.Name)
		}
		if value != "" {
			return value
		}
	}
	return ""
}

// cookie is the value of the first cookie of that name in a Cookie header (RFC 6265,
// 5.4), without quotes around it; what is no pair is passed over.
func cookie(header, name string) string {
	for header != "" {
		var pair string
		pair, header, _ = strings.Cut(header, ";")
		key, value, found := strings.Cut(pair, "=")
		if !found || strings.TrimSpace(key) != name {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		return value
	}
	return ""
}
