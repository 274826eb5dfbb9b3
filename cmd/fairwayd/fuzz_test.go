package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzConfig: whatever the configuration file holds, it is read or refused with an
// error that names it.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{"", "listen: 127.0.0.1:1\n", "stale_after: 30s\nexplore: 5%\n", "- a\n", "a: &a [*a]\n", "rules: {a: b}\n", "? [a]\n: b\n", "config: x\n", "listen: !!binary aGk=\n", "<<: {listen: x}\n"} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		o := &options{}
		config := ""
		fs := o.flags(&config)
		fs.SetOutput(io.Discard)
		if err := configure(fs, path); err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name the file", err)
		}
	})
}
