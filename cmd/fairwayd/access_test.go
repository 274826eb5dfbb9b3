package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/guard"
)

// TestAccessFileInTheMaking: what is seen of a file while somebody writes it in place is
// not what is allowed, and one that is gone is told once.
func TestAccessFileInTheMaking(t *testing.T) {
	var log bytes.Buffer
	const before = "allow: []\n"
	s := &security{tlsOptions: &tlsOptions{access: "access.yaml"}, text: []byte(before), log: slog.New(slog.NewTextHandler(&log, nil))}
	access, err := guard.ParseAccess(s.text)
	if err != nil {
		t.Fatal(err)
	}
	if s.guard, err = guard.New(access, prometheus.NewRegistry(), s.log); err != nil {
		t.Fatal(err)
	}
	const whole = "limits: {rate: 9}\nallow: [{identity: local, methods: [Decide]}]\n"
	for i, step := range []struct {
		text string
		want string // in the log, and no more; empty: nothing
	}{
		{before, ""},
		{"", ""}, // truncated
		{whole[:18], ""},
		{whole, ""},
		{whole, "access changed"},
		{whole, ""},
		{"", ""},
		{"", "the file is empty"}, // and stays so: the disk is full
		{"", ""},
		{whole, ""},
		{whole, "access changed"},
	} {
		log.Reset()
		s.look([]byte(step.text), nil)
		if got := log.String(); strings.Count(got, "\n") > 1 || !strings.Contains(got, step.want) || step.want == "" && got != "" {
			t.Errorf("step %d, %q: the log says %q; want %q", i, step.text, got, step.want)
		}
	}
	gone := errors.New("no such file")
	for i, want := range []int{0, 1, 0, 0} {
		log.Reset()
		if s.look(nil, gone); strings.Count(log.String(), "cannot be read") != want {
			t.Errorf("look %d at none: %q", i, log.String())
		}
	}
	log.Reset()
	if s.look([]byte(whole), nil); log.Len() > 0 {
		t.Errorf("back: %q", log.String())
	}
}
