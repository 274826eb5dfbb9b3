package router

import "testing"

func TestFirstVersion(t *testing.T) {
	if got := NewTable(nil, DefaultConfig()).Version(); got != 1 {
		t.Errorf("a table begins at version %d; want 1", got)
	}
	cfg := DefaultConfig()
	cfg.FirstVersion = 1000
	table := NewTable(nil, cfg)
	table.SetRules(nil)
	if got := table.Version(); got != 1001 {
		t.Errorf("the second edition after a first of 1000 is %d; want 1001", got)
	}
}
