package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// installed returns the library that the tests of cmd/fairway and `fairway bench
// network` let npm bring into the user's cache: the latest, if there are several.
func installed() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	// The package names architectures as Node.js does.
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	pattern := filepath.Join(cache, "fairway-test", "onnxruntime-node-*", "node_modules", "onnxruntime-node", "bin", "napi-v*", runtime.GOOS, arch, "libonnxruntime.*")
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no ONNX Runtime: %s is not there; `go test -run ONNXRuntime ./cmd/fairway` brings it, and -library names another", pattern)
	}
	return found[len(found)-1], nil
}
