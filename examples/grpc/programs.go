package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ready is how long a program may take to begin.
const ready = 30 * time.Second

// startPrometheus scrapes the endpoints every second.
func (s *show) startPrometheus(ctx context.Context, dir string, all fleet) (url string, stop func(), err error) {
	text := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n  - job_name: endpoints\n    static_configs:\n"
	for _, e := range all {
		text += fmt.Sprintf("      - {targets: [%q], labels: {service: reviews, endpoint: %s, subset: %s, zone: a}}\n", e.metrics, e.name, e.subset)
	}
	file := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", nil, err
	}
	address, err := free()
	if err != nil {
		return "", nil, err
	}
	stop, _, err = start(ctx, filepath.Join(dir, "prometheus.log"), false, s.prometheus,
		"--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "tsdb"), "--web.listen-address", address)
	if err != nil {
		return "", nil, fmt.Errorf("%w; Debian's package is prometheus", err)
	}
	url = "http://" + address
	for end := time.Now().Add(ready); ; time.Sleep(50 * time.Millisecond) {
		if answer, err := http.Get(url + "/-/ready"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return url, stop, nil
			}
		}
		if ctx.Err() != nil || time.Now().After(end) {
			stop()
			return "", nil, fmt.Errorf("prometheus is not ready after %v; see %s", ready, dir)
		}
	}
}

// startFairwayd serves a service of which the rules say nothing but where it is.
func (s *show) startFairwayd(ctx context.Context, dir string, all fleet, prometheus string) (address string, stop func(), err error) {
	text := "services:\n  - name: reviews\n    endpoints:\n"
	for _, e := range all {
		text += fmt.Sprintf("      - {name: %s, address: %q, subset: %s, zone: a}\n", e.name, e.address, e.subset)
	}
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", nil, err
	}
	stop, first, err := start(ctx, filepath.Join(dir, "fairwayd.log"), true, s.fairwayd, "--model", s.model, "--prometheus", prometheus,
		"--rules", file, "--listen", "127.0.0.1:0", "--admin", "", "--state", filepath.Join(dir, "state"))
	if err != nil {
		return "", nil, err
	}
	address, listens := strings.CutPrefix(first, "api ")
	if !listens {
		stop()
		return "", nil, fmt.Errorf("%s said %q first, and not where it listens", s.fairwayd, first)
	}
	return address, stop, nil
}

// start runs a program, whose log goes to a file, and reads the first line that it
// prints where one is wanted.
func start(ctx context.Context, log string, wanted bool, name string, args ...string) (stop func(), first string, err error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = file
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		file.Close()
		return nil, "", err
	}
	lines := bufio.NewScanner(out)
	if wanted {
		lines.Scan()
		first = lines.Text()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() { // so that it can go on
		}
		_ = cmd.Wait() // it was asked to stop
		file.Close()
	}()
	return func() { _ = cmd.Process.Signal(os.Interrupt); <-ended }, first, nil
}

// free is an address that nobody listens at.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
