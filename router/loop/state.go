package loop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/mesh/durable"
	"github.com/fairway-mesh/fairway/model"
)

// State is what a daemon remembers beyond its life, in a directory: what served last
// and did not have to be taken back, what was refused, and what its policies
// remember. Without a directory it lasts as long as the process. It may be used from
// anywhere at any time.
type State struct {
	dir string // "": none

	mu      sync.Mutex
	refused []refusal
}

// refusal is a version that is not to be tried by itself.
type refusal struct {
	Subject, Name, ID string
	Time              time.Time
	Why               string
}

// The files of a State. What served is one file with all that belongs together.
const (
	refusedFile = "refused.json"
	memoryFile  = "memory.json"
)

// mostRefused bounds what is remembered; the oldest are forgotten.
const mostRefused = 256

// OpenState reads the state in dir, which is created when first needed. A file that
// cannot be read is as none, and the error says so; the state can be used then too.
func OpenState(dir string) (*State, error) {
	s := &State{dir: dir}
	return s, s.read(refusedFile, &s.refused)
}

// Path is the place of something else that belongs to what the daemon serves; "" where
// nothing lasts.
func (s *State) Path(name string) string {
	if s.dir == "" {
		return ""
	}
	return filepath.Join(s.dir, name)
}

// Refuse remembers a version.
func (s *State) Refuse(v Version, now time.Time, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = slices.DeleteFunc(s.refused, v.is)
	s.refused = append(s.refused, refusal{v.Subject, v.Name, v.ID, now, why})
	if n := len(s.refused) - mostRefused; n > 0 {
		s.refused = slices.Delete(s.refused, 0, n)
	}
	return s.write(refusedFile, s.refused)
}

func (v Version) is(r refusal) bool { return r.Subject == v.Subject && r.ID == v.ID }

// Refused reports whether a version was refused, and when.
func (s *State) Refused(v Version) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.refused, v.is); i >= 0 {
		return s.refused[i].Time, true
	}
	return time.Time{}, false
}

// Lift forgets that a version was refused.
func (s *State) Lift(v Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = slices.DeleteFunc(s.refused, v.is)
	return s.write(refusedFile, s.refused)
}

// served is what was in force of a subject.
type served struct {
	Name, ID string
	Model    []byte `json:",omitempty"` // as model.Write has it
	Rules    []byte `json:",omitempty"` // the text
}

// Keep remembers an outcome: what was adopted, or what is not to be tried again.
func (s *State) Keep(o Outcome) error {
	if o.Kind != model.Adopted {
		return s.Refuse(o.Version, o.Time, o.Why)
	}
	return s.Serve(o.Change)
}

// Serve remembers what serves, to begin with after a restart.
func (s *State) Serve(c Change) error {
	if c.ID == "" {
		return nil
	}
	kept := served{Name: c.Name, ID: c.ID, Rules: c.Text}
	if c.Model != nil {
		var file bytes.Buffer
		if err := model.Write(&file, c.Model); err != nil {
			return err
		}
		kept.Model = file.Bytes()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(c.Subject+".json", kept)
}

// Served returns what served last of a subject; the zero Change where nothing did.
func (s *State) Served(subject string) (c Change, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept served
	if err := s.read(subject+".json", &kept); err != nil || kept.ID == "" {
		return Change{}, err
	}
	c = Change{Version: Version{Subject: subject, Name: kept.Name, ID: kept.ID}, Text: kept.Rules}
	if subject == model.SubjectModel {
		c.Model, err = model.Read(bytes.NewReader(kept.Model))
	} else {
		err = c.compile(kept.Name)
	}
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w", filepath.Join(s.dir, subject+".json"), err)
	}
	return c, nil
}

func (s *State) read(name string, into any) error {
	if s.dir == "" {
		return nil
	}
	path := filepath.Join(s.dir, name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("state %s: %w; remove it to begin without", path, err)
	}
	return nil
}

// write replaces a file, whole or not at all.
func (s *State) write(name string, what any) error {
	if s.dir == "" {
		return nil
	}
	text, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := durable.WriteText(filepath.Join(s.dir, name), 0o600, text); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
