package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tfjsVersion is that of npm's @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm.
const tfjsVersion = "4.22.0"

// tfjsInstall bounds how long npm may take.
const tfjsInstall = 3 * time.Minute

//go:embed tfjs.js
var tfjsProgram string

// tfjs is a node process that trains the network with TensorFlow.js. It is not
// for concurrent use; close ends it.
type tfjs struct {
	about  string // versions, backend, threads
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr bytes.Buffer
}

// startTFJS starts the process; it ends with ctx at the latest.
func startTFJS(ctx context.Context, log io.Writer) (*tfjs, error) {
	directory, err := installTFJS(ctx, log)
	if err != nil {
		return nil, err
	}
	settings, err := json.Marshal(map[string]any{"widths": benchWidths, "dropped": benchDropped, "dropout": benchDropout, "rate": benchRate, "rows": benchRows})
	if err != nil {
		return nil, err
	}
	t := &tfjs{cmd: exec.CommandContext(ctx, "node", "-e", tfjsProgram, string(settings))}
	t.cmd.Dir, t.cmd.Stderr = directory, &t.stderr
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	t.out = bufio.NewScanner(out)
	for !strings.HasPrefix(t.about, tfjsVersion) { // TensorFlow.js prints an advertisement first
		if t.about, err = t.line(); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	return t, nil
}

// train trains in batches of so many rows for about that long, and returns the
// samples/s.
func (t *tfjs) train(batch int, length time.Duration) (float64, error) {
	if _, err := fmt.Fprintf(t.in, "%d %d\n", batch, length.Milliseconds()); err != nil {
		return 0, t.failed(err)
	}
	line, err := t.line()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}

func (t *tfjs) line() (string, error) {
	if t.out.Scan() {
		return t.out.Text(), nil
	}
	return "", t.failed(firstError(t.out.Err(), io.ErrUnexpectedEOF))
}

func (t *tfjs) failed(err error) error {
	return fmt.Errorf("tfjs: %w: %s", err, strings.TrimSpace(t.stderr.String()))
}

// close ends the process: it stops at the end of its input.
func (t *tfjs) close() error {
	return firstError(t.in.Close(), t.cmd.Wait())
}

// tfjsDirectory is below the user's cache directory.
func tfjsDirectory() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "fairway-bench", "tfjs-"+tfjsVersion)
}

// tfjsInstalled reports whether it can be started without fetching anything.
func tfjsInstalled() bool {
	_, err := os.Stat(tfjsDirectory())
	_, missing := exec.LookPath("node")
	return err == nil && missing == nil
}

// installTFJS returns the directory that has TensorFlow.js, which npm fetches
// where it is not there. Its install scripts are not run.
func installTFJS(ctx context.Context, log io.Writer) (string, error) {
	directory := tfjsDirectory()
	if tfjsInstalled() {
		return directory, nil
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("tfjs: %w", err)
		}
	}
	cache := filepath.Dir(directory)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("tfjs: %w", err)
	}
	fetched, err := os.MkdirTemp(cache, "npm-")
	if err != nil {
		return "", fmt.Errorf("tfjs: %w", err)
	}
	fmt.Fprintf(log, "npm fetches @tensorflow/tfjs %s into %s (300 MB, once)\n", tfjsVersion, directory)
	ctx, cancel := context.WithTimeout(ctx, tfjsInstall)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", fetched,
		"@tensorflow/tfjs@"+tfjsVersion, "@tensorflow/tfjs-backend-wasm@"+tfjsVersion)
	cmd.Dir = fetched
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("tfjs: npm install: %w: %s", err, lastLine(out)), os.RemoveAll(fetched))
	}
	if err := os.Rename(fetched, directory); err != nil { // perhaps another has been faster
		return directory, os.RemoveAll(fetched)
	}
	return directory, nil
}

// lastLine is the end of what a program printed.
func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
