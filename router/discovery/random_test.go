package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// simple is the naive model of one source: lists, and everything anew each time.
type simple struct {
	said           map[string]string // name → its endpoints, as letters
	old            map[string]bool
	up, everSynced bool
}

// step does the same to a sink and to the model.
func (m *simple) step(r *rand.Rand, to Sink) {
	name := string(rune('a' + r.IntN(6)))
	switch r.IntN(10) {
	case 0:
		to.Synced()
		maps.DeleteFunc(m.said, func(name string, _ string) bool { return m.old[name] })
		m.old, m.up, m.everSynced = map[string]bool{}, true, true
	case 1:
		to.Trouble(errors.New("trouble"))
		for name := range m.said {
			m.old[name] = true
		}
		m.up = false
	case 2:
		to.Trouble(nil)
		m.up = true
	case 3, 4:
		to.Delete(strings.ToUpper(name))
		delete(m.said, name)
		delete(m.old, name)
	default:
		letters := ""
		s := &Service{Name: name, Names: []string{"x-" + name, "x"}}
		for _, letter := range "pqrs" {
			if r.IntN(2) == 0 {
				letters += string(letter)
				s.Endpoints = append(s.Endpoints, Endpoint{Endpoint: mesh.Endpoint{Name: string(letter)}})
			}
		}
		r.Shuffle(len(s.Endpoints), func(i, j int) { s.Endpoints[i], s.Endpoints[j] = s.Endpoints[j], s.Endpoints[i] })
		to.Put(s)
		m.said[name] = letters
		delete(m.old, name)
	}
}

// text is what all say together.
func text(names []string, all []*simple) string {
	text := ""
	for _, name := range strings.Split("abcdef", "") {
		var sources []string
		letters, stale := map[rune]bool{}, true
		for i, m := range all {
			said, ok := m.said[name]
			if !ok {
				continue
			}
			sources = append(sources, names[i])
			stale = stale && m.old[name] && !(m.up && m.everSynced)
			for _, letter := range said {
				letters[letter] = true
			}
		}
		if len(sources) > 0 {
			text += fmt.Sprintf("%s %s %v %s\n", name, strings.Join(sources, "+"), stale, string(slices.Sorted(maps.Keys(letters))))
		}
	}
	return text
}

func textOf(s *Snapshot) string {
	text := ""
	for _, service := range s.Services() {
		letters := ""
		for _, e := range service.Endpoints {
			letters += e.Name
		}
		text += fmt.Sprintf("%s %s %v %s\n", service.Name, service.Source, service.Stale, letters)
	}
	return text
}

// TestInterleaved lets sources say things at the same time, at random; whatever the
// order, the snapshot in the end is that of a model which keeps lists, and whoever
// followed the changes has the same.
func TestInterleaved(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Gather = 0
	for seed := range uint64(40) {
		names := []string{"one", "two", "three"}
		var scripts []*script
		var sources []Source
		for _, name := range names {
			scripts = append(scripts, newScript(name))
			sources = append(sources, scripts[len(scripts)-1])
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := made(t, cfg, sources...)
			f := &follower{services: map[string]*Service{}}
			d.Handle(f.hear)
			running(t, d)
			var all []*simple
			var speaking sync.WaitGroup
			for i, s := range scripts {
				m := &simple{said: map[string]string{}, old: map[string]bool{}}
				all = append(all, m)
				speaking.Go(func() {
					r, to := rand.New(rand.NewPCG(seed, uint64(i))), <-s.to
					for range 200 {
						m.step(r, to)
					}
				})
			}
			speaking.Wait()
			want := text(names, all)
			eventually(t, func() string {
				now, followed := d.Snapshot(), f.snapshot()
				if got := textOf(now); got != want {
					return fmt.Sprintf("snapshot\n%swant\n%s", got, want)
				}
				if textOf(followed) != want || followed.version != now.version {
					return fmt.Sprintf("who followed has\n%sin version %d; want\n%sin version %d", textOf(followed), followed.version, want, now.version)
				}
				for _, service := range now.services {
					if now.Service(service.Name) != service || now.Service("x-"+service.Name) != service {
						return service.Name + " is not found by its names"
					}
				}
				if found := now.Service("x"); (found != nil) != (len(now.services) == 1) {
					return fmt.Sprintf("of %d services x is %v", len(now.services), found)
				}
				return ""
			})
			if why := f.trouble(); why != "" {
				t.Error(why)
			}
		})
	}
}

// follower knows only what it has heard of.
type follower struct {
	mu       sync.Mutex
	services map[string]*Service
	version  uint64
	wrong    string
}

func (f *follower) hear(now *Snapshot, changes []Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.version > 0 && now.version != f.version+1 {
		f.wrong = fmt.Sprintf("version %d after %d", now.version, f.version)
	}
	f.version = now.version
	if !slices.IsSortedFunc(changes, func(a, b Change) int { return cmp.Compare(a.name(), b.name()) }) {
		f.wrong = "changes out of order"
	}
	for _, c := range changes {
		if c.Old != f.services[c.name()] {
			f.wrong = fmt.Sprintf("Old of %s is not what was New before", c.name())
		}
		delete(f.services, c.name())
		if c.New != nil {
			f.services[c.New.Name] = c.New
		}
		if c.New != now.Service(c.name()) {
			f.wrong = fmt.Sprintf("New of %s is not that of the snapshot", c.name())
		}
	}
}

func (f *follower) snapshot() *Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return NewSnapshot(f.version, slices.Collect(maps.Values(f.services)))
}

func (f *follower) trouble() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wrong
}
