package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The programs that the lab needs, and the Debian packages that bring them.
var programs = []Program{{Name: "haproxy", Debian: "haproxy"}, {Name: "prometheus", Debian: "prometheus"}}

// findPrograms returns the paths of the programs by name. It looks into every
// directory of path, a list like the environment's PATH.
func findPrograms(path string) (map[string]string, error) {
	found := map[string]string{}
	for _, p := range programs {
		file, err := p.find(path)
		if err != nil {
			return nil, err
		}
		found[p.Name] = file
	}
	return found, nil
}

// find returns the absolute path of the program: processes run in a directory of
// their own.
func (p Program) find(path string) (string, error) {
	if strings.ContainsRune(p.Name, '/') {
		file, err := filepath.Abs(p.Name)
		if err != nil {
			return "", err
		}
		if _, err := exec.LookPath(file); err != nil {
			return "", fmt.Errorf("%w; %s", err, p.remedy())
		}
		return file, nil
	}
	for _, dir := range filepath.SplitList(path) {
		if file, err := exec.LookPath(filepath.Join(dir, p.Name)); err == nil && filepath.IsAbs(dir) {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s not found in %s; %s", p.Name, path, p.remedy())
}

// remedy says how to get the program.
func (p Program) remedy() string {
	switch {
	case p.Debian != "":
		return fmt.Sprintf("install the Debian package %s (apt-get install %s)", p.Debian, p.Debian)
	case p.Make != "":
		return "make it with `" + p.Make + "`"
	}
	return "install it"
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
