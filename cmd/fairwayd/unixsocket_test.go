package main

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fairway.sock")
	l, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := os.Stat(path); err != nil || at.Mode().Perm() != socketMode || at.Mode().Type() != fs.ModeSocket {
		t.Errorf("the socket is %v, %v; want permissions %v", at, err, fs.FileMode(socketMode))
	}
	if got := l.Addr().String(); got != path {
		t.Errorf("it says that it is at %q; want %q", got, path)
	}
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "somebody listens") {
		t.Errorf("a second listener gives %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestUnixSocketStale: what a killed daemon left is replaced, a file is not, and
// closing twice removes nothing of the next daemon's.
func TestUnixSocketStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	first, err := listenUnix(path)
	if err != nil {
		t.Fatal("a stale socket:", err)
	}
	first.Close()
	second, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	if _, err := os.Stat(path); err != nil {
		t.Error("the second listener's socket is gone:", err)
	}
	second.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file in the way gives %v", err)
	}
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Error("the file was touched:", err)
	}
}

// TestServeUnixSocket: the whole daemon answers there.
func TestServeUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	rules := write(t, "rules.yaml", "services:\n  - {name: shop, endpoints: [{name: a, address: \"127.0.0.1:1\"}]}\n")
	start(t, "--listen", "unix:"+path, "--rules", rules)
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d, err := fairwayv1.NewRouterClient(conn).Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}, grpc.WaitForReady(true))
	if err != nil || d.GetEndpoint().GetName() != "a" {
		t.Errorf("decided %v, %v; want a", d, err)
	}
}
