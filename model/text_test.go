package model

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteText(t *testing.T) {
	m := sample()
	m.Version = 3
	routing := *m.Routing
	routing.Members, routing.Mean, routing.Doubt = nil, false, nil
	bare := &Model{Format: Format, Schema: m.Schema, Timing: m.Timing, Objective: m.Objective, Routing: &routing}
	for name, m := range map[string]*Model{"full": m, "bare": bare} {
		var got bytes.Buffer
		if err := m.WriteText(&got); err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/"+name+".txt", got.Bytes())
	}
}

// golden compares got with a file; when they differ it leaves got beside it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err == nil && bytes.Equal(want, got) {
		return
	}
	if err := os.WriteFile(path+".new", got, 0o600); err != nil {
		t.Error(err)
	}
	t.Errorf("%s (-want +got; got is in %s.new)\n%s", path, path, cmp.Diff(string(want), string(got)))
}
