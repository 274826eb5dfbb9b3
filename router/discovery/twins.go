package discovery

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// Twins are two services that no source has both of and whose endpoints have the same
// addresses: most likely one service, which two places call otherwise.
type Twins struct{ A, B *Service }

// String says what they are and what to do.
func (t Twins) String() string {
	return fmt.Sprintf("%s (%s) and %s (%s) have the same endpoints, and are weighed apart; where they are one service, leave it out of one of the two places", t.A.Name, t.A.Source, t.B.Name, t.B.Source)
}

// AllTwins lists the twins of a snapshot, in the order of names: of each service those
// with the next that has its endpoints.
func AllTwins(s *Snapshot) (all []Twins) {
	before := map[uint64]*Service{}
	for _, b := range s.Services() {
		sum, placed := placesOf(b)
		if !placed {
			continue
		}
		if a := before[sum]; a != nil && !related(a, b) && sameAddresses(a, b) {
			all = append(all, Twins{a, b})
		}
		before[sum] = b
	}
	return all
}

// placesOf is a sum of a service's addresses, in whatever order; false where it has none,
// or one without an address.
func placesOf(s *Service) (sum uint64, placed bool) {
	h := fnv.New64a()
	for i := range s.Endpoints {
		address := s.Endpoints[i].Address
		if address == "" {
			return 0, false
		}
		h.Reset()
		h.Write([]byte(address))
		sum += h.Sum64()
	}
	return sum, len(s.Endpoints) > 0
}

// related reports whether a source has both, and so means them to be two.
func related(a, b *Service) bool {
	of := strings.Split(a.Source, "+")
	return slices.ContainsFunc(strings.Split(b.Source, "+"), func(s string) bool { return slices.Contains(of, s) })
}

func sameAddresses(a, b *Service) bool {
	if len(a.Endpoints) != len(b.Endpoints) {
		return false
	}
	of := make(map[string]bool, len(a.Endpoints))
	for i := range a.Endpoints {
		of[a.Endpoints[i].Address] = true
	}
	for i := range b.Endpoints {
		if !of[b.Endpoints[i].Address] {
			return false
		}
	}
	return true
}

// tellTwins logs twins, once until they are none. It looks at all services, and so not
// where only states have changed. The publishing goroutine calls it.
func (d *Directory) tellTwins(now *Snapshot, changes []Change) {
	if len(d.all) < 2 || !slices.ContainsFunc(changes, Change.moves) {
		return
	}
	told := map[[2]string]bool{}
	for _, t := range AllTwins(now) {
		id := [2]string{t.A.Name, t.B.Name}
		if told[id] = true; !d.twins[id] {
			d.cfg.Log.Warn("discovery: " + t.String())
		}
	}
	d.twins = told
}

// moves reports whether there are other addresses than before.
func (c Change) moves() bool {
	return c.Old == nil || c.New == nil || !slices.EqualFunc(c.Old.Endpoints, c.New.Endpoints, func(a, b Endpoint) bool { return a.Address == b.Address })
}
