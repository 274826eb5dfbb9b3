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
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// tfjsVersion is that of npm's @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm.
const tfjsVersion = "4.22.0"

var tfjsFolder = npmFolder("fairway-bench", "tfjs-"+tfjsVersion)

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

// startTFJS starts the process; it ends with ctx at the latest. npm fetches
// TensorFlow.js where it is not there.
func startTFJS(ctx context.Context, log io.Writer) (*tfjs, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("tfjs: %w", err)
	}
	if err := npmPackages(ctx, log, tfjsFolder, "@tensorflow/tfjs@"+tfjsVersion, "@tensorflow/tfjs-backend-wasm@"+tfjsVersion); err != nil {
		return nil, fmt.Errorf("tfjs: %w", err)
	}
	settings, err := json.Marshal(map[string]any{"widths": benchWidths, "dropped": benchDropped, "dropout": benchDropout, "rate": benchRate, "rows": benchRows})
	if err != nil {
		return nil, err
	}
	t := &tfjs{cmd: exec.CommandContext(ctx, node, "-e", tfjsProgram, string(settings))}
	t.cmd.Dir, t.cmd.Stderr = tfjsFolder, &t.stderr
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
