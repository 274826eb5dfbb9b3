package router

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/fairway-mesh/fairway/router/rules"
)

// Save returns what the policies that p is made of remember: warm-up,
// ejections, weights. Restore gives it to a policy that is built alike, such
// as the same one with a newer model or other rules, or after a restart.
func Save(p Policy) ([]byte, error) {
	saved, err := json.Marshal(memories(p))
	if err != nil {
		return nil, fmt.Errorf("router: saving the memory of policy %s: %w", p.Name(), err)
	}
	return saved, nil
}

// Restore replaces p's memory by what Save returned. Where it fails, p may be
// left with part of it: make p anew.
func Restore(p Policy, saved []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(saved, &parts); err != nil {
		return fmt.Errorf("router: restoring policy %s: this is not a saved memory: %w", p.Name(), err)
	}
	places := memories(p)
	if len(parts) != len(places) {
		return fmt.Errorf("router: restoring policy %s: it has %d memories and %d were saved; it must be built like the one saved", p.Name(), len(places), len(parts))
	}
	for i, part := range parts {
		if err := json.Unmarshal(part, places[i]); err != nil {
			return fmt.Errorf("router: restoring policy %s: memory %d: %w", p.Name(), i, err)
		}
		tidy(places[i])
	}
	return nil
}

// Forget drops what p remembers of a service that is no more.
func Forget(p Policy, service string) {
	for _, memory := range memories(p) {
		if m := reflect.ValueOf(memory).Elem(); m.Kind() == reflect.Map { // by service
			m.SetMapIndex(reflect.ValueOf(service), reflect.Value{})
		}
	}
}

// tidy drops what JSON can say and the policies do not expect: null.
func tidy(memory any) {
	switch m := memory.(type) {
	case *map[string]*progress:
		drop(m, func(*progress) bool { return true })
	case *map[string]*ejections:
		drop(m, func(e *ejections) bool { drop(&e.ByName, func(*ejection) bool { return true }); return true })
	case *map[string]*movement:
		drop(m, func(v *movement) bool { return v.Before != nil && v.Last != nil })
	case *map[string]*updated:
		drop(m, func(*updated) bool { return true })
	case *map[string]*move:
		drop(m, func(*move) bool { return true })
	case *map[string]rules.Algorithm:
		if *m == nil {
			*m = map[string]rules.Algorithm{}
		}
	case interface{ tidy() }:
		m.tidy()
	}
}

func drop[V any](m *map[string]*V, whole func(*V) bool) {
	if *m == nil {
		*m = map[string]*V{}
	}
	maps.DeleteFunc(*m, func(_ string, v *V) bool { return v == nil || !whole(v) })
}

// memories points to the memory of each policy in p, outermost first. Those that are
// maps are by service.
func memories(p Policy) []any {
	switch p := p.(type) {
	case trained:
		return memories(p.Policy)
	case named:
		return memories(p.Policy)
	case explore:
		return memories(p.Policy)
	case fallback:
		return append(memories(p.first), memories(p.then)...)
	case *practised:
		return append(memories(p.learned), memories(p.formula)...)
	case *shadow:
		return append(memories(p.listened), memories(p.served)...)
	case *learned:
		return []any{&p.seen, &p.corrections}
	case *wrr:
		return []any{&p.services, &p.updated}
	case *pid:
		return []any{&p.services}
	case *adaptive:
		return []any{&p.services}
	case *interpretation:
		return []any{&p.services}
	case *ewmaWeights:
		return []any{&p.services}
	case *curveSolver:
		return []any{&p.services, &p.moves}
	case *eject:
		return append([]any{&p.services, &p.punctual}, memories(p.Policy)...)
	case *limit:
		return append([]any{&p.services}, memories(p.Policy)...)
	}
	return []any{}
}
