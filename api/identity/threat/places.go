package threat

// Subject is that of a name, which a certificate proved. It is remembered at
// least until it is let go.
func (j *Judge) Subject(name string) *Subject {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s := j.subjects[name]; s != nil {
		s.held++
		s.active = j.now
		return s
	}
	if len(j.subjects) >= j.cfg.Most && !j.named(name) && !j.evict() {
		if !j.full {
			j.full = true
			j.metrics.failures["full"].Inc()
		}
		return j.unjudged
	}
	s := j.add(name)
	s.held, s.active = 1, j.now
	j.pronounce(s)
	return s
}

func (j *Judge) add(name string) *Subject {
	s := &Subject{name: name, key: j.key}
	j.subjects[name], j.order = s, nil
	return s
}

// Unjudged tells whether there was no place for a subject.
func (j *Judge) Unjudged(s *Subject) bool { return s == j.unjudged }

// named tells whether an operator has said a level of exactly that name, who has a
// place beside the others then: there are no more than those.
func (j *Judge) named(name string) bool {
	o := over(j.inForce, name, j.now)
	return o != nil && o.Identity == name
}

// LetGo says that nobody calls by a subject any more.
func (j *Judge) LetGo(s *Subject) {
	if s != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		s.held--
	}
}

// evict forgets who was idle for longest, and not raised; false where there is
// nobody. That is looked for once in a window: else who shows ever other names
// would have all others wait for it.
func (j *Judge) evict() bool {
	if j.full {
		return false
	}
	var idlest *Subject
	for _, s := range j.subjects {
		if s.level == Low && s.held == 0 && (idlest == nil || s.active.Before(idlest.active)) {
			idlest = s
		}
	}
	if idlest == nil || j.now.Sub(idlest.active) < span*window {
		return false
	}
	j.forget(idlest)
	return true
}

func (j *Judge) forget(s *Subject) {
	delete(j.subjects, s.name)
	j.order = nil
}
