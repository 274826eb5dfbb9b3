package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// packageVersion is that of npm's onnxruntime-node, which has the library.
const packageVersion = "1.30.0"

// installTime bounds how long npm may take.
const installTime = 5 * time.Minute

// installed returns the library in the user's cache, or an error that tells how
// to bring it there.
func installed() (string, error) {
	folder := cacheFolder()
	// The package names architectures as Node.js does.
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	pattern := filepath.Join(folder, "node_modules", "onnxruntime-node", "bin", "napi-v*", runtime.GOOS, arch, "libonnxruntime.*")
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no ONNX Runtime: %s is not there (npm install --ignore-scripts --prefix %s onnxruntime-node@%s)", pattern, folder, packageVersion)
	}
	return found[0], nil
}

// cacheFolder is the one that the tests of cmd/fairway use too.
func cacheFolder() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "fairway-test", "onnxruntime-node-"+packageVersion)
}

// install returns the library, which npm fetches where it is not there (300
// MB, once). Its install scripts are not run.
func install(ctx context.Context) (string, error) {
	if library, err := installed(); err == nil {
		return library, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("cannot fetch ONNX Runtime: %w", err)
	}
	folder := cacheFolder()
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	// Several may fetch at a time: the first that is done gives it the name.
	own, err := os.MkdirTemp(filepath.Dir(folder), ".installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(own)
	fmt.Fprintf(os.Stderr, "npm fetches onnxruntime-node %s into %s (300 MB, once)\n", packageVersion, folder)
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", own, "onnxruntime-node@"+packageVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w: %.300s", err, out)
	}
	if err := os.Rename(own, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return installed()
}
