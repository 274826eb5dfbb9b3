package loop

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
)

// memory is what the line in force remembers, as saved.
type memory struct {
	Time         time.Time
	Model, Rules string // IDs of what it is the memory of
	Policies     json.RawMessage
	Features     []byte `json:",omitempty"` // the extractor's
}

// memoryLasts is how old a memory may be to be of use, and mostRemembered of how many
// endpoints the features are saved: some 10 KB each.
const memoryLasts, mostRemembered = 15 * time.Minute, 2000

// Remember saves what the line in force remembers.
func (l *Loop) Remember(s *State) error {
	if s.dir == "" {
		return nil
	}
	m, err := l.memory()
	if err != nil || m.Policies == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(memoryFile, m)
}

func (l *Loop) memory() (m memory, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.newest.IsZero() {
		return m, nil // nothing has been learned yet: what was saved before is better
	}
	m = memory{Time: l.cfg.Clock(), Model: l.version(model.SubjectModel).ID, Rules: l.version(model.SubjectRules).ID}
	if m.Policies, err = router.Save(l.former.policy); err != nil {
		return m, err
	}
	endpoints := 0
	for _, f := range l.former.last {
		endpoints += len(f.Endpoints)
	}
	if endpoints <= mostRemembered {
		m.Features, err = l.former.extractor.MarshalBinary()
	}
	return m, err
}

// Recall gives the line in force what was saved, if it is of the same model and rules,
// and not too old. Call it before the first window and after Expect. The error says why
// it begins without a memory; nothing is wrong with that.
func (l *Loop) Recall(s *State) error {
	var m memory
	s.mu.Lock()
	err := s.read(memoryFile, &m)
	s.mu.Unlock()
	if err != nil || m.Policies == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch age := l.cfg.Clock().Sub(m.Time); {
	case m.Model != l.version(model.SubjectModel).ID || m.Rules != l.version(model.SubjectRules).ID:
		return fmt.Errorf("the memory is of other versions: model %q, rules %q", m.Model, m.Rules)
	case age < 0 || age > memoryLasts:
		return fmt.Errorf("the memory is of %v", m.Time)
	}
	n, err := newLine(&l.cfg, l.former.model, l.former.rules, l.pace, l.known)
	if err != nil {
		return err
	}
	if err := router.Restore(n.policy, m.Policies); err != nil {
		return err
	}
	if m.Features != nil {
		if err := n.extractor.UnmarshalBinary(m.Features); err != nil {
			return err
		}
	}
	n.found(l.known.Live(), l.now(), l.restores)
	l.former = n
	return nil
}
