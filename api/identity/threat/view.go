package threat

import (
	"cmp"
	"slices"
	"time"
)

// View is what a Judge knows, for people.
type View struct {
	Mode      string `json:"mode"`
	OnHigh    string `json:"on_high"`
	OnFailure string `json:"on_failure"`
	Failing   string `json:"failing,omitempty"` // why nobody can be judged
	// ServicesFrom is when the judge has seen enough to judge what services are asked
	// about: until then signals may say that a limit is exceeded, and nobody is raised
	// for it. It is zero from then on.
	ServicesFrom time.Time  `json:"services_judged_from,omitzero"`
	Callers      []Caller   `json:"callers"` // the most feared first
	Overrides    []Override `json:"overrides"`
}

// Caller is one subject.
type Caller struct {
	Identity string    `json:"identity"`
	Level    Level     `json:"level"`  // in force, or that would be
	Judged   Level     `json:"judged"` // without overrides
	Since    time.Time `json:"since,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	Signal   string    `json:"signal,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Override *Override `json:"override,omitempty"`
	Signals  []Reading `json:"signals"`
	// Warm tells whether it is judged by its own past, rather than its peers'.
	Warm   bool      `json:"warm"`
	Active time.Time `json:"active,omitzero"`
	// Services are how many it has asked about, and Newest some of them.
	Services int      `json:"services"`
	Newest   []string `json:"newest,omitempty"`
	// Claimed are the trust domains that strangers claim, by how often: unproved.
	Claimed map[string]int64 `json:"claimed,omitempty"`
}

// View copies what is known.
func (j *Judge) View() View {
	j.mu.Lock()
	defer j.mu.Unlock()
	v := View{
		Mode: j.settings.Mode, OnHigh: j.settings.OnHigh, OnFailure: j.settings.OnFailure, Failing: j.failing,
		ServicesFrom: j.knowsFrom(), Callers: []Caller{}, Overrides: append([]Override{}, j.inForce...),
	}
	for _, s := range j.all() {
		c := Caller{
			Identity: s.name, Level: s.told, Judged: s.level, Since: s.since, Until: s.until, Signal: s.signal, Reason: s.reason,
			Signals: slices.Clone(s.readings), Warm: s.windows >= newcomer, Active: s.active, Services: s.known, Newest: s.named(),
		}
		if s.override != nil {
			o := *s.override
			c.Override = &o
		}
		if s == j.strangers.subject {
			c.Claimed = j.strangers.claims()
		}
		v.Callers = append(v.Callers, c)
	}
	slices.SortStableFunc(v.Callers, func(a, b Caller) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(b.Judged, a.Judged), cmp.Compare(a.Identity, b.Identity))
	})
	return v
}
