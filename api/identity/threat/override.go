package threat

import (
	"fmt"
	"slices"
)

func (j *Judge) overriding(s *Subject) *Override {
	if s == j.strangers.subject || s == j.unjudged {
		return nil
	}
	return over(j.inForce, s.name, j.now)
}

// Override has a level hold against the judge, until it ends. One of the same identity
// is replaced.
func (j *Judge) Override(o Override) error {
	if err := o.Validate(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = slices.DeleteFunc(j.said, func(old Override) bool { return old.Identity == o.Identity })
	if len(j.said) >= mostOverrides {
		return fmt.Errorf("there are %d overrides already; clear some", len(j.said))
	}
	j.said = append(j.said, o)
	j.pronounceAll()
	j.change()
	return nil
}

// Clear ends the override of an identity that Override made. It is false where
// there is none.
func (j *Judge) Clear(identity string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := len(j.said)
	j.said = slices.DeleteFunc(j.said, func(o Override) bool { return o.Identity == identity })
	j.pronounceAll()
	j.change()
	return len(j.said) < before
}
