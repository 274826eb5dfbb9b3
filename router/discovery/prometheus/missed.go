package prometheus

import (
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
)

// missed remembers services that an answer lacks, for a while.
type missed struct {
	grace time.Duration
	began time.Time
	seen  map[string]sight
}

// sight is a service and when an answer had it last.
type sight struct {
	service *discovery.Service
	at      time.Time
}

// add returns an answer's services and those that it lacks and that are not gone yet,
// as stale; and what is to be said of the whole: an answer without any is none at first.
func (m *missed) add(answer []*discovery.Service, now time.Time) ([]*discovery.Service, error) {
	seen := make(map[string]sight, len(answer))
	for _, s := range answer {
		seen[s.Name] = sight{s, now}
	}
	all := answer
	for name, before := range m.seen {
		if _, ok := seen[name]; !ok && now.Sub(before.at) < m.grace {
			seen[name] = before
			kept := *before.service
			kept.Stale = true
			all = append(all, &kept)
		}
	}
	m.seen = seen
	if len(all) == 0 && now.Sub(m.began) < m.grace {
		return nil, again.ErrUnfinished
	}
	return all, nil
}
