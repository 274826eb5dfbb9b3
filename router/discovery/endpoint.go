package discovery

// Endpoint finds the endpoint that is meant by a name or address: the one of that Name,
// else that of that Address, else the only one that has it among its Names. Nil when
// there is none.
func (s *Service) Endpoint(name string) *Endpoint {
	if s == nil {
		return nil
	}
	var found *Endpoint
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.Name == name || e.Address == name {
			return e
		}
		for _, n := range e.Names {
			if n != name {
				continue
			}
			if found != nil && found != e {
				return nil
			}
			found = e
		}
	}
	return found
}
