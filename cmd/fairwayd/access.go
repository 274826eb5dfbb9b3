package main

import (
	"bytes"
	"context"
	"os"
	"time"

	"github.com/fairway-mesh/fairway/api/guard"
)

// watch reads the access file again and again. A file with an error, or that is gone,
// changes nothing.
func (s *security) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look(os.ReadFile(s.access))
		}
	}
}

// look takes what the file says when two looks in a row find the same: who writes it in
// place may have come half way, and a file without the end of its list, or without the
// list, can allow more than the whole one.
func (s *security) look(text []byte, err error) {
	if err != nil {
		if s.missing && !s.missed {
			s.missed = true
			s.log.Error("the access file cannot be read; what was allowed stays", "file", s.access, "error", err)
		}
		s.missing = true // at the first look it may be about to be replaced
		return
	}
	s.missing, s.missed = false, false
	settled := bytes.Equal(text, s.seen)
	s.seen = text
	if !settled || bytes.Equal(text, s.text) {
		return
	}
	s.text = text
	access, err := guard.ParseAccess(text)
	if err == nil {
		err = s.guard.SetAllow(s.allow(access.Allow))
	}
	if err == nil {
		err = s.guard.SetThreats(access)
	}
	if err != nil {
		s.log.Error("the access file has an error; what was allowed stays", "file", s.access, "error", err)
		return
	}
	s.log.Info("access changed", "file", s.access, "grants", len(access.Allow), "threats", access.Threats.Mode, "overrides", len(access.Threats.Overrides))
}
