package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerated: what is committed is what the program writes.
func TestGenerated(t *testing.T) {
	folder := t.TempDir()
	code, stubs := filepath.Join(folder, "vector_amd64.s"), filepath.Join(folder, "vector_amd64.go")
	if out, err := exec.Command("go", "run", ".", "-out", code, "-stubs", stubs, "-pkg", "kernel").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, written := range []string{code, stubs} {
		committed := filepath.Join("..", filepath.Base(written))
		if !bytes.Equal(body(t, written), body(t, committed)) {
			t.Errorf("%s is not what the program writes: run go generate in predict/kernel", committed)
		}
	}
}

// body is a file without its first line, which has the names of the files.
func body(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	return rest
}
