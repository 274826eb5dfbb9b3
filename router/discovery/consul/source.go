package consul

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
)

// Source watches a Consul. It may be watched once at a time.
type Source struct{ client *client }

// New checks the settings; nothing is asked yet.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	return &Source{c}, nil
}

// Name implements discovery.Source.
func (*Source) Name() string { return "consul" }

// Watch implements discovery.Source. One goroutine asks for the catalog, and one for
// each service.
func (s *Source) Watch(ctx context.Context, to discovery.Sink) error {
	defer s.client.http.CloseIdleConnections()
	w := &watch{client: s.client, slots: make(chan struct{}, mostAtOnce), news: make(chan struct{}, 1), services: map[string]*followed{}}
	defer w.all.Wait()
	if len(s.client.Services) > 0 {
		w.list(ctx, s.client.Services, nil)
	} else {
		w.all.Go(func() { w.catalog(ctx) })
	}
	w.tellNews(ctx, again.NewTeller(to))
	return nil
}

// watch is what one Watch knows.
type watch struct {
	*client
	all   sync.WaitGroup
	slots chan struct{} // one is taken while a service is asked for
	news  chan struct{} // holds one when there is something to tell

	mu       sync.Mutex
	listed   bool  // the catalog was seen, or need not be
	err      error // why it could not be last
	services map[string]*followed
}

// followed is one service of the catalog.
type followed struct {
	stop    context.CancelFunc
	service *discovery.Service // nil: it has no endpoints
	err     error
	sure    bool // it was answered
}

// loop makes blocking queries for as long as ctx goes on, each in its turn. take is given
// each answer that may be another than before, or why there is none; what it returns is
// what is wrong with either.
func (w *watch) loop(ctx context.Context, path string, seed uint64, turn func() (wait time.Duration, done func(), ok bool), take func(body []byte, err error) error) {
	pauses := again.NewPauses(max(w.Gap, time.Second), 30*time.Second, w.Seed+seed)
	index := uint64(0)
	for {
		wait, done, ok := turn()
		if !ok {
			return
		}
		body, next, err := w.ask(ctx, path, index, wait)
		done()
		if ctx.Err() != nil {
			return
		}
		if err != nil || next != index {
			err = take(body, err)
		}
		pause := w.Gap
		if index = next; err != nil {
			index, pause = 0, pauses.Next()
		} else {
			pauses.Over()
		}
		if !again.Sleep(ctx, pause) {
			return
		}
	}
}

// catalog follows which services there are.
func (w *watch) catalog(ctx context.Context) {
	turn := func() (time.Duration, func(), bool) { return w.Wait, func() {}, true }
	w.loop(ctx, "/v1/catalog/services", 0, turn, func(body []byte, err error) error {
		var names []string
		if err == nil {
			names, err = readNames(body)
		}
		if err != nil {
			w.learn(func() { w.err = err })
			return err
		}
		slices.Sort(names)
		var much error
		if len(names) > mostServices {
			much = fmt.Errorf("consul %s: %d services; name those that matter, at most %d", w.shown, len(names), mostServices)
			names = names[:mostServices]
		}
		w.list(ctx, names, much)
		return nil
	})
}

// list follows these services and no others.
func (w *watch) list(ctx context.Context, names []string, err error) {
	w.learn(func() {
		w.listed, w.err = true, err
		for name, f := range w.services {
			if !slices.Contains(names, name) {
				f.stop()
				delete(w.services, name)
			}
		}
		for i, name := range names {
			if w.services[name] != nil {
				continue
			}
			its, stop := context.WithCancel(ctx)
			f := &followed{stop: stop}
			w.services[name] = f
			w.all.Go(func() { defer stop(); w.follow(its, name, f, uint64(i)+1) })
		}
	})
}

// follow asks for the instances of one service.
func (w *watch) follow(ctx context.Context, name string, f *followed, seed uint64) {
	turn := func() (time.Duration, func(), bool) {
		select {
		case w.slots <- struct{}{}:
		case <-ctx.Done():
			return 0, nil, false
		}
		wait := w.Wait
		if w.crowded() {
			wait = shortWait
		}
		return wait, func() { <-w.slots }, true
	}
	w.loop(ctx, "/v1/health/service/"+url.PathEscape(name), seed, turn, func(body []byte, err error) error {
		var instances []instance
		if err == nil {
			if instances, err = readInstances(body); err != nil {
				err = fmt.Errorf("consul %s: service %q: %w", w.shown, name, err)
			}
		}
		w.learn(func() {
			if f.err = err; err != nil {
				return
			}
			f.sure = true
			if f.service = service(name, w.Datacenter, instances); f.service != nil {
				f.service.Time = w.Clock()
			}
		})
		return err
	})
}

func (w *watch) crowded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.services) > mostAtOnce
}

// learn changes what is known.
func (w *watch) learn(change func()) {
	w.mu.Lock()
	change()
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// tellNews tells until ctx ends, what comes together at once.
func (w *watch) tellNews(ctx context.Context, teller *again.Teller) {
	const together = 10 * time.Millisecond
	for {
		select {
		case <-w.news:
		case <-ctx.Done():
			return
		}
		if !again.Sleep(ctx, together) {
			return
		}
		teller.Tell(w.known())
	}
}

// known is all services, those stale that could not be asked for last, and why.
func (w *watch) known() (all []*discovery.Service, trouble error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	errs := []error{}
	if w.err != nil {
		errs = append(errs, w.err)
	}
	unfinished := !w.listed
	for _, f := range w.services {
		unfinished = unfinished || !f.sure
		if f.err != nil {
			errs = append(errs, f.err)
		}
		if s := f.service; s != nil {
			if f.err != nil {
				old := *s
				old.Stale, s = true, &old
			}
			all = append(all, s)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if trouble = again.Joined(errs); trouble == nil && unfinished {
		trouble = again.ErrUnfinished
	}
	return all, trouble
}
