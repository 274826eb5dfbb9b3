package lab

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestChildrenEndWithARecorderThatIsKilled kills the process that started a
// child. The child holds a pipe open: its end is the end of the pipe.
func TestChildrenEndWithARecorderThatIsKilled(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	recorder := exec.Command(program, "orphan", name)
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.Open(name) // waits for the child to open it too
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if err := recorder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	recorder.Wait()
	if _, err := io.ReadAll(pipe); err != nil {
		t.Error(err)
	}
}

// TestKillEndsWhatAChildStarted: a proxy's worker holds a pipe open, whose end is the
// end of the worker.
func TestKillEndsWhatAChildStarted(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	c := newChildren(dir)
	defer c.close()
	child, err := c.start("proxy", "sh", "-c", `(exec 3>"$0"; exec sleep 60) & wait`, name)
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	child.kill()
	if _, err := io.ReadAll(pipe); err != nil {
		t.Error(err)
	}
	child.kill() // once more does no harm
}
