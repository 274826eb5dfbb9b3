package discovery

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// tidy makes a service of a source as a directory keeps it, or says why it cannot.
// Endpoints that cannot be told or are told twice are left out.
func tidy(s *Service, source string, now time.Time) string {
	if s == nil {
		return "it is nil"
	}
	if s.Name = strings.TrimRight(s.Name, "."); !sayable(s.Name) {
		return fmt.Sprintf("its name is %q; want text of 1 to %d bytes", s.Name, longest)
	}
	s.Source, s.Stale = source, false
	if s.Time.IsZero() {
		s.Time = now
	}
	s.Names = slices.DeleteFunc(s.Names, func(n string) bool { return !sayable(n) })
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		e.Name = cmp.Or(e.Name, e.Address)
		e.Address = oneForm(e.Address)
		e.Names = slices.DeleteFunc(e.Names, func(n string) bool { return !sayable(n) })
	}
	s.Endpoints = slices.DeleteFunc(s.Endpoints, func(e Endpoint) bool {
		return !sayable(e.Name) || e.Address != "" && !sayable(e.Address) || !utf8.ValidString(e.Subset+e.Zone)
	})
	sortEndpoints(s.Endpoints)
	s.Endpoints = slices.CompactFunc(s.Endpoints, func(a, b Endpoint) bool { return a.Name == b.Name })
	return ""
}

// oneForm is an address as it is compared: an IPv6 address can be written in several
// ways, and DNS knows no case.
func oneForm(address string) string {
	if strings.HasPrefix(address, "[") {
		if ip, err := netip.ParseAddrPort(address); err == nil {
			return ip.String()
		}
	}
	return strings.ToLower(address)
}

// longest is how long a name can be. DNS ends at 253; other places make longer ones.
const longest = 1024

// sayable reports whether a name can stand in metrics, logs and answers.
func sayable(name string) bool {
	return name != "" && len(name) <= longest && utf8.ValidString(name) && strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

func sortEndpoints(all []Endpoint) {
	slices.SortStableFunc(all, func(a, b Endpoint) int { return cmp.Compare(a.Name, b.Name) })
}

// alike reports whether a reader can tell two of a service apart only by when they
// were said and by the source's version.
func alike(a, b *Service) bool {
	return a.Name == b.Name && a.Namespace == b.Namespace && a.Port == b.Port && a.Source == b.Source && a.Stale == b.Stale &&
		slices.Equal(a.Names, b.Names) && slices.EqualFunc(a.Endpoints, b.Endpoints, func(a, b Endpoint) bool {
		return a.Endpoint == b.Endpoint && a.State == b.State && a.Leaves == b.Leaves && slices.Equal(a.Names, b.Names) && maps.Equal(a.Labels, b.Labels)
	})
}
