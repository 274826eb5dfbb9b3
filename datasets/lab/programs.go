package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The programs that the lab needs, and the Debian packages that bring them.
var programs = []struct{ name, debian string }{{"haproxy", "haproxy"}, {"prometheus", "prometheus"}}

// findPrograms returns the paths of the programs by name. It looks into every
// directory of path, a list like the environment's PATH.
func findPrograms(path string) (map[string]string, error) {
	found := map[string]string{}
	for _, p := range programs {
		for _, dir := range filepath.SplitList(path) {
			// Processes run in a directory of their own, so the path must be absolute.
			if file, err := exec.LookPath(filepath.Join(dir, p.name)); err == nil && filepath.IsAbs(dir) {
				found[p.name] = file
				break
			}
		}
		if found[p.name] == "" {
			return nil, fmt.Errorf("%s not found in %s; install the Debian package %s (apt-get install %s)", p.name, path, p.debian, p.debian)
		}
	}
	return found, nil
}

// programPath is where programs are looked for. Not every user's PATH has
// where Debian puts servers.
func programPath() string { return os.Getenv("PATH") + string(filepath.ListSeparator) + "/usr/sbin" }

// version returns the first line that a program prints about itself.
func version(ctx context.Context, program, flag string) string {
	text, err := exec.CommandContext(ctx, program, flag).CombinedOutput()
	if err != nil {
		return filepath.Base(program) + " of unknown version"
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(line)
}
