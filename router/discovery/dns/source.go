package dns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
)

// Source asks for names. It may be watched once at a time.
type Source struct{ cfg Config }

// New checks the settings; nobody is asked yet.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{cfg}, nil
}

// Name implements discovery.Source.
func (*Source) Name() string { return "dns" }

// Hearsay implements discovery.Hearsay: answers last, and may be addresses of a service
// rather than of its endpoints.
func (*Source) Hearsay() {}

// Watch implements discovery.Source. One goroutine asks for each name.
func (s *Source) Watch(ctx context.Context, to discovery.Sink) error {
	w := &watch{asker: asker{s.cfg, make(chan struct{}, mostAtOnce)}, teller: again.NewTeller(to), names: make([]known, len(s.cfg.Names))}
	var all sync.WaitGroup
	for i := range s.cfg.Names {
		all.Go(func() { w.follow(ctx, i) })
	}
	all.Wait()
	return nil
}

// watch is what one Watch knows.
type watch struct {
	asker

	mu     sync.Mutex
	teller *again.Teller
	names  []known // in the order of the names
}

// known is what is known of one name.
type known struct {
	service *discovery.Service // nil: none
	err     error              // why it could not be asked last
	sure    bool               // it was found, or found to be nothing
	denials int                // how often in a row it did not exist
	nobody  bool               // it was logged that it has no endpoint
	skipped string             // what was said of records that are left out
}

// follow asks for a name for as long as ctx goes on.
func (w *watch) follow(ctx context.Context, i int) {
	pauses := again.NewPauses(min(time.Second, w.Least), min(30*time.Second, w.Most), w.Seed+uint64(i))
	for {
		r, err := w.resolve(ctx, w.Names[i])
		if ctx.Err() != nil {
			return
		}
		w.learn(i, r, err)
		if err != nil {
			if !again.Sleep(ctx, pauses.Next()) {
				return
			}
			continue
		}
		pauses.Over()
		pause := w.counts(r.ttl)
		if r.denied && w.denials(i) == 1 {
			pause = w.Least
		}
		// A little late, that those who learned it together do not ask together.
		if !again.Sleep(ctx, pause+pause/20-pauses.Jittered(pause/20)) {
			return
		}
	}
}

// counts is how long an answer of that time to live does.
func (c Config) counts(ttl time.Duration) time.Duration { return min(max(ttl, c.Least), c.Most) }

func (w *watch) denials(i int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names[i].denials
}

// learn takes what was found of one name and tells what that makes of all.
func (w *watch) learn(i int, r *resolved, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, k := w.Names[i], &w.names[i]
	if k.err = err; err == nil {
		if k.denials++; !r.denied {
			k.denials = 0
		}
		switch {
		case k.denials == 1: // once is not believed
		case len(r.endpoints) == 0:
			k.service, k.sure = nil, true
			w.nobody(n, k, r.denied)
		default:
			k.sure = true
			w.somebody(n, k)
			k.service = n.service()
			k.service.Endpoints, k.service.Time = r.endpoints, w.Clock()
		}
		if text := strings.Join(r.skipped, ", "); text != k.skipped {
			if k.skipped = text; text != "" {
				w.Log.Warn("records of a service are left out: nobody can connect to them", "service", n.Service, "name", n.Name, "records", fmt.Sprintf("%.500s", text))
			}
		}
	}
	w.tell()
}

// nobody logs, once, that a name has no endpoint: somebody has named it and expects some.
func (w *watch) nobody(n Name, k *known, denied bool) {
	if k.nobody {
		return
	}
	k.nobody = true
	because := "it has no such record that anybody can connect to"
	if denied {
		because = "it does not exist"
	}
	w.Log.Warn("a name of a service has no endpoints", "service", n.Service, "name", n.Name, "because", because)
}

// somebody logs that a name of which that was logged has some.
func (w *watch) somebody(n Name, k *known) {
	if k.nobody {
		k.nobody = false
		w.Log.Info("a name of a service has endpoints now", "service", n.Service, "name", n.Name)
	}
}

// tell puts together what is known of all names.
func (w *watch) tell() {
	var errs []error
	byName, confirmed := map[string]*discovery.Service{}, map[string]bool{}
	var services []*discovery.Service
	unfinished := false
	for i := range w.names {
		k := &w.names[i]
		if k.err != nil {
			errs = append(errs, k.err) // whoever tells of it names the place
		}
		unfinished = unfinished || !k.sure
		if k.service == nil {
			continue
		}
		confirmed[k.service.Name] = confirmed[k.service.Name] || k.err == nil
		if one := byName[k.service.Name]; one != nil {
			join(one, k.service)
			continue
		}
		one := *k.service
		byName[one.Name] = &one
		services = append(services, &one)
	}
	for _, s := range services {
		s.Stale = !confirmed[s.Name]
	}
	trouble := again.Joined(errs)
	if trouble == nil && unfinished {
		trouble = again.ErrUnfinished
	}
	w.teller.Tell(services, trouble)
}

// join adds the endpoints of another name of the same service.
func join(s *discovery.Service, other *discovery.Service) {
	r := &resolved{endpoints: slices.Concat(s.Endpoints, other.Endpoints)}
	order(r)
	s.Endpoints = r.endpoints
	s.Names = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Names, other.Names))))
	if s.Port != other.Port {
		s.Port = discovery.Port{}
	}
}
