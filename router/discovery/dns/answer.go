package dns

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// found is what one question was answered.
type found struct {
	addresses []netip.Addr
	records   []*dns.SRV
	ttl       time.Duration // until it may be asked again; of nothing found too
	denied    bool          // there is no such name at all
}

func (f *found) empty() bool { return len(f.addresses)+len(f.records) == 0 }

// usual is how long nothing counts where a server does not say.
const usual = 30 * time.Second

// read takes what an answer says of a name, following its aliases.
func read(m *dns.Msg, name string, kind uint16) *found {
	f := &found{ttl: -1, denied: m.Rcode == dns.RcodeNameError}
	const longestChain = 16
	for range longestChain {
		alias := ""
		for _, r := range m.Answer {
			if !strings.EqualFold(r.Header().Name, name) {
				continue
			}
			if c, ok := r.(*dns.CNAME); ok && alias == "" {
				alias = c.Target
				f.lives(r)
			}
			f.take(r, kind)
		}
		if alias == "" || !f.empty() {
			break
		}
		name = alias
	}
	if f.empty() {
		f.ttl = -1
		for _, r := range m.Ns { // RFC 2308, section 5
			if soa, ok := r.(*dns.SOA); ok {
				f.ttl = time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
			}
		}
	}
	if f.ttl < 0 {
		f.ttl = usual
	}
	return f
}

// take adds a record, if it is one of the kind.
func (f *found) take(r dns.RR, kind uint16) {
	var a netip.Addr
	switch r := r.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(r.A.To4())
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(r.AAAA.To16())
	case *dns.SRV:
		if kind == dns.TypeSRV {
			f.records = append(f.records, r)
			f.lives(r)
		}
		return
	}
	if r.Header().Rrtype == kind && a.IsValid() && !a.IsUnspecified() && !slices.Contains(f.addresses, a) {
		f.addresses = append(f.addresses, a)
		f.lives(r)
	}
}

// lives holds the shortest time to live.
func (f *found) lives(r dns.RR) {
	if ttl := time.Duration(r.Header().Ttl) * time.Second; f.ttl < 0 || ttl < f.ttl {
		f.ttl = ttl
	}
}
