// Package sinktest has a sink for the tests of sources.
package sinktest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// Sink keeps what a source says, as a directory would, and all of its words in order.
type Sink struct {
	mu       sync.Mutex
	services map[string]*discovery.Service
	fresh    map[string]bool
	words    []string // "put NAME", "delete NAME", "synced", "trouble: …", "trouble over"
	synced   bool
	trouble  error
	changed  chan struct{}
}

// New is empty.
func New() *Sink {
	return &Sink{services: map[string]*discovery.Service{}, fresh: map[string]bool{}, changed: make(chan struct{})}
}

func (s *Sink) say(word string, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	s.words = append(s.words, word)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Put implements discovery.Sink.
func (s *Sink) Put(v *discovery.Service) {
	s.say("put "+v.Name, func() { s.services[v.Name], s.fresh[v.Name] = v, true })
}

// Delete implements discovery.Sink.
func (s *Sink) Delete(name string) {
	s.say("delete "+name, func() { delete(s.services, name); delete(s.fresh, name) })
}

// Synced implements discovery.Sink.
func (s *Sink) Synced() { s.say("synced", func() { s.synced, s.trouble = true, nil }) }

// Trouble implements discovery.Sink.
func (s *Sink) Trouble(err error) {
	if err == nil {
		s.say("trouble over", func() {
			s.trouble = nil
			for name := range s.services {
				s.fresh[name] = true
			}
		})
		return
	}
	s.say("trouble: "+err.Error(), func() { s.trouble = err; clear(s.fresh) })
}

// State is what was said so far.
type State struct {
	Services map[string]*discovery.Service
	Fresh    []string // the names of those that are not stale, in order
	Words    []string
	Synced   bool
	Trouble  error
}

// Has reports whether a service has these endpoints, "NAME=ADDRESS STATE", all, in order.
func (s *State) Has(service string, endpoints ...string) bool {
	return s.Services[service] != nil && slices.Equal(Endpoints(s.Services[service]), endpoints)
}

// Endpoints writes endpoints shortly: "NAME=ADDRESS", and a state that is not ready.
func Endpoints(s *discovery.Service) []string {
	out := []string{}
	for _, e := range s.Endpoints {
		text := e.Name + "=" + e.Address
		if e.State != discovery.Ready {
			text += " " + e.State.String()
		}
		out = append(out, text)
	}
	return out
}

// String is for failures.
func (s *State) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "synced %t, trouble %v, fresh %v\n", s.Synced, s.Trouble, s.Fresh)
	for _, name := range slices.Sorted(maps.Keys(s.Services)) {
		fmt.Fprintf(&b, "  %s %v: %v\n", name, s.Services[name].Names, Endpoints(s.Services[name]))
	}
	return b.String() + strings.Join(s.Words, "\n")
}

// State is what it is now.
func (s *Sink) State() *State {
	state, _ := s.state()
	return state
}

func (s *Sink) state() (*State, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &State{maps.Clone(s.services), slices.Sorted(maps.Keys(s.fresh)), slices.Clone(s.words), s.synced, s.trouble}, s.changed
}

// Until waits until what was said is as it should, a minute at most.
func (s *Sink) Until(t testing.TB, what string, yes func(*State) bool) *State {
	t.Helper()
	late := time.After(time.Minute)
	for {
		state, changed := s.state()
		if yes(state) {
			return state
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("not %s after a minute: %s", what, state)
		}
	}
}

// Watch lets a source tell a new sink until the test ends, or stop is called, which
// waits for it.
func Watch(t testing.TB, source discovery.Source) (sink *Sink, stop func()) {
	t.Helper()
	sink = New()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- source.Watch(ctx, sink) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s: %v", source.Name(), err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s goes on 20 s after its context ended", source.Name())
		}
	})
	t.Cleanup(stop)
	return sink, stop
}

// Again lets a source tell a sink, and, once that has ended as a directory's life or
// the source's own does, another: each hears all that there is.
func Again(t testing.TB, source discovery.Source, service string, endpoints ...string) {
	t.Helper()
	for life := range 3 {
		sink, stop := Watch(t, source)
		sink.Until(t, fmt.Sprintf("all told in life %d", life+1), func(s *State) bool {
			return s.Synced && s.Trouble == nil && slices.Equal(s.Fresh, []string{service}) && s.Has(service, endpoints...)
		})
		stop()
	}
}
