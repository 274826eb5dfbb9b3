package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnlyPublishMakesARegistry holds that a mistyped path is no empty registry.
func TestOnlyPublishMakesARegistry(t *testing.T) {
	none, file := filepath.Join(t.TempDir(), "none"), shopSchema(t)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"no registry", []string{"list", none}},
		{"no registry", []string{"rollback", none}},
		{"no registry", []string{"promote", none, "1"}},
		{"is a file", []string{"list", file}},
		{"no model has been published", []string{"rollback", t.TempDir()}},
		{"publish one", []string{"show", t.TempDir()}},
	} {
		_, _, err := call(t, append([]string{"model"}, c.args...)...)
		if exitStatus(err) != 1 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("fairway model %q says %v; want %q", c.args, err, c.want)
		}
	}
	if _, err := os.Stat(none); err == nil {
		t.Errorf("looking for a registry made one")
	}
}
