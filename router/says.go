package router

import "github.com/fairway-mesh/fairway/router/health"

// Says is what discovery says against an endpoint of these routes, and whether it says
// anything. What is decided of an endpoint has it already.
func (r *Routes) Says(endpoint string) (health.Status, bool) {
	var s health.Status
	return s, r.members.against(&s, endpoint)
}

// Gone reports whether discovery had an endpoint of this name, and has it no more: it is
// not unknown, and takes no requests.
func (r *Routes) Gone(endpoint string) bool { return r.members.Presence(endpoint) == Gone }

// against writes what discovery says against an endpoint over what else is known.
func (m *Members) against(s *health.Status, endpoint string) bool {
	why := m.why(endpoint)
	if why == "" {
		return false
	}
	s.State, s.Reason = health.Unhealthy, why
	if m.Presence(endpoint) == Draining {
		s.State = health.Draining
	}
	return true
}
