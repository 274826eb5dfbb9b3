package model

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The kinds of events.
const (
	Published  = "published"   // a version was added and made the latest
	Promoted   = "promoted"    // a version that was there was made the latest
	RolledBack = "rolled_back" // the version before was made the latest again
	Refused    = "refused"     // a daemon would not serve a version
	Adopted    = "adopted"     // a daemon serves nothing but a version from now on
	Damaged    = "damaged"     // stands for an event that cannot be read any more
)

var kinds = []string{Published, Promoted, RolledBack, Refused, Adopted}

// The subjects of events.
const (
	SubjectModel = "model"
	SubjectRules = "rules"
)

// Event is something that happened to the versions of a registry.
type Event struct {
	Time    time.Time `json:"time"` // zero: when it is recorded
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	Version string    `json:"version"`
	From    string    `json:"from,omitempty"` // the version before, if there was one
	By      string    `json:"by,omitempty"`   // who did it; empty: whoever opened the registry
	Text    string    `json:"text,omitempty"` // why
}

// maxEventText bounds an event, in bytes: one is one write.
const maxEventText = 4096

// Validate reports everything that keeps an event from being recorded.
func (e *Event) Validate() error {
	var errs []error
	if !slices.Contains(kinds, e.Kind) {
		errs = append(errs, fmt.Errorf("event: kind is %q; want one of %q", e.Kind, kinds))
	}
	if e.Subject != SubjectModel && e.Subject != SubjectRules {
		errs = append(errs, fmt.Errorf("event: subject is %q; want %q or %q", e.Subject, SubjectModel, SubjectRules))
	}
	if n := len(e.Version) + len(e.From) + len(e.By) + len(e.Text); n > maxEventText {
		errs = append(errs, fmt.Errorf("event: %d bytes of text; at most %d fit", n, maxEventText))
	}
	return errors.Join(errs...)
}

// Before is the version of a subject that was the latest before the present
// one, by the events, or else the greatest number below it that can be read; 0
// when there is none. Versions that were rolled back are passed over.
func Before(subject string, entries []Entry, events []Event) Version {
	var latest Version
	readable := map[string]Version{}
	for _, e := range entries {
		if e.Latest {
			latest = e.Version
		}
		if e.Err == nil {
			readable[fmt.Sprint(e.Version)] = e.Version
		}
	}
	bad := map[string]bool{fmt.Sprint(latest): true}
	for _, e := range slices.Backward(events) {
		if e.Subject != subject {
			continue
		}
		switch e.Kind {
		case RolledBack:
			bad[e.From] = true
		case Published, Promoted:
			if v, ok := readable[e.From]; ok && !bad[e.From] {
				return v
			}
		}
	}
	before := Version(0)
	for _, v := range readable {
		if v < latest && v > before && !bad[fmt.Sprint(v)] {
			before = v
		}
	}
	return before
}
