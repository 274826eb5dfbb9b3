package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets this program be what a recorder starts, too; and after the
// tests makes sure that nothing is left of what they started.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "endpoint":
			exitWith(serveSpec(os.Args[2]))
		case "orphan":
			exitWith(leaveOrphan(os.Args[2]))
		}
	}
	status := m.Run()
	if err := leftovers(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, "after the tests:", err)
		status = 1
	}
	os.Exit(status)
}

func exitWith(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serveSpec(text string) error {
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	return ServeEndpoint(context.Background(), spec)
}

// leaveOrphan starts a child that holds the given pipe open, and waits to be
// killed.
func leaveOrphan(pipe string) error {
	_, err := newChildren(filepath.Dir(pipe)).start("orphan", "sh", "-c", `exec 3>"$0"; exec sleep 60`, pipe)
	if err != nil {
		return err
	}
	select {}
}

// leftovers looks for goroutines and processes.
func leftovers() error {
	if err := goleak.Find(); err != nil {
		return err
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		return err
	}
	for _, list := range lists { // none where there is no /proc
		if pids, err := os.ReadFile(list); err == nil && len(pids) > 0 {
			return fmt.Errorf("processes still run: %s", pids)
		}
	}
	return nil
}
