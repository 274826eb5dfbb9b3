package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// npmTime bounds how long npm may take.
const npmTime = 5 * time.Minute

// npmPackages makes a folder with these packages of npm, each as name@version,
// unless it is there. Their install scripts are not run. Several processes may
// do it at a time.
func npmPackages(ctx context.Context, log io.Writer, folder string, packages ...string) (err error) {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("cannot fetch %s: %w", packages[0], err)
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	// Each fetches into a folder of its own; the first that is done gives it the
	// name.
	own, err := os.MkdirTemp(filepath.Dir(folder), ".npm-")
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, os.RemoveAll(own)) }()
	fmt.Fprintf(log, "npm fetches %s into %s (300 MB, once)\n", packages[0], folder)
	ctx, cancel := context.WithTimeout(ctx, npmTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, append([]string{"install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", own}, packages...)...)
	cmd.Dir = own
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install %s: %w: %.300s", strings.Join(packages, " "), err, out)
	}
	if err := os.Rename(own, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// npmFolder is where such a folder is: in the user's cache, to outlast a run.
func npmFolder(of, packages string) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, of, packages)
}

// onnxRuntimeVersion is of npm's onnxruntime-node.
const onnxRuntimeVersion = "1.30.0"

// onnxRuntimeFolder is where predict/kernel/onnxruntime looks too.
var onnxRuntimeFolder = npmFolder("fairway-test", "onnxruntime-node-"+onnxRuntimeVersion)

func installONNXRuntime(ctx context.Context, log io.Writer) error {
	return npmPackages(ctx, log, onnxRuntimeFolder, "onnxruntime-node@"+onnxRuntimeVersion)
}
