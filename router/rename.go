package router

// Rename has the policies that p is made of call endpoints of a service otherwise from
// now on: it is found out that each two names are one's. What is remembered by a new name
// already stands.
func Rename(p Policy, service string, from, to []string) {
	for _, memory := range memories(p) {
		switch m := memory.(type) {
		case *map[string]*ejections:
			if e := (*m)[service]; e != nil {
				rename(e.ByName, from, to)
			}
		case *map[string]*movement:
			if v := (*m)[service]; v != nil {
				rename(v.Before, from, to)
				rename(v.Last, from, to)
			}
		case interface {
			rename(service string, from, to []string)
		}:
			m.rename(service, from, to)
		}
	}
}

func (m fleets[E]) rename(service string, from, to []string) {
	if v := m[service]; v != nil {
		rename(v.ByName, from, to)
	}
}

// Rename has what was in force be that of endpoints by other names.
func (c *Course) Rename(service string, from, to []string) {
	for _, past := range c.of(service) {
		rename(past.Weights, from, to)
	}
}

// rename moves what there is by each name to another, all at once: a name that is given
// up may be taken by the next.
func rename[V any](m map[string]V, from, to []string) {
	moved := make(map[string]V, len(from))
	for i, name := range from {
		if v, is := m[name]; is && name != to[i] {
			moved[to[i]] = v
			delete(m, name)
		}
	}
	for name, v := range moved {
		if _, taken := m[name]; !taken {
			m[name] = v
		}
	}
}
