// Package kubetest runs a real Kubernetes API server, with an etcd, for tests. Nothing
// of the cluster beside it runs: what a test wants to stand there, it writes.
package kubetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Program is the variable that names the API server's program.
const Program = "FAIRWAY_KUBE_APISERVER"

// Server is an API server and its etcd, on the loopback and in a directory of its own.
// One goroutine uses it.
type Server struct {
	directory string
	program   string
	authority *x509.CertPool
	etcd      *process
	etcdURL   string
	peerURL   string
	api       *process
	port      int
	writer    *writer // nil before the first that is written
}

// Start runs a server until the test ends. The test is skipped where none is named; CI
// names one where it runs these.
func Start(t testing.TB) *Server {
	t.Helper()
	program := os.Getenv(Program)
	if program == "" {
		t.Skipf("%s names no kube-apiserver: see `make test-real`", Program)
	}
	s := &Server{directory: t.TempDir(), program: program}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill(t)
		s.etcd.kill()
	})
	return s
}

func (s *Server) start() error {
	ports, err := free(3)
	if err != nil {
		return err
	}
	if err := s.certify(); err != nil {
		return err
	}
	s.port, s.etcdURL = ports[0], "http://127.0.0.1:"+strconv.Itoa(ports[1])
	s.peerURL = "http://127.0.0.1:" + strconv.Itoa(ports[2])
	if s.etcd, err = s.store("etcd"); err != nil {
		return err
	}
	s.api, err = s.serve(s.port)
	if err != nil {
		s.etcd.kill()
	}
	return err
}

// store begins an etcd that keeps what it has in a directory of this name.
func (s *Server) store(name string) (*process, error) {
	etcd, err := begin("etcd", "--name=t", "--data-dir="+filepath.Join(s.directory, name), "--logger=zap",
		"--listen-client-urls="+s.etcdURL, "--advertise-client-urls="+s.etcdURL,
		"--listen-peer-urls="+s.peerURL, "--initial-advertise-peer-urls="+s.peerURL, "--initial-cluster=t="+s.peerURL)
	if err != nil {
		return nil, fmt.Errorf("%w (apt-get install etcd-server)", err)
	}
	return etcd, nil
}

// Replace puts an empty etcd in the place of the one that there is, and starts the API
// server anew on it: as after a disaster, its versions begin again.
func (s *Server) Replace(t testing.TB) {
	t.Helper()
	s.Kill(t)
	s.etcd.kill()
	var err error
	if s.etcd, err = s.store("another"); err != nil {
		t.Fatal(err)
	}
	s.writer = nil
	s.Again(t)
}

// serve begins an API server on a port and returns when it is ready.
func (s *Server) serve(port int) (*process, error) {
	in := func(name string) string { return filepath.Join(s.directory, name) }
	api, err := begin(s.program, "--etcd-servers="+s.etcdURL, "--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(port),
		"--tls-cert-file="+in("cert"), "--tls-private-key-file="+in("key"), "--token-auth-file="+in("tokens"),
		"--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none",
		"--service-account-issuer=https://127.0.0.1", "--service-account-key-file="+in("key"), "--service-account-signing-key-file="+in("key"),
		"--service-cluster-ip-range=10.96.0.0/12,fd00:96::/108", "--shutdown-delay-duration=0s")
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.authority, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := ready(client, port)
		if err == nil {
			return api, nil
		}
		select {
		case <-api.ended:
			return nil, fmt.Errorf("kube-apiserver ended: %w\n%s", err, api.said())
		default:
		}
		if time.Now().After(end) {
			api.kill()
			return nil, fmt.Errorf("kube-apiserver not ready within a minute: %w\n%s", err, api.said())
		}
	}
}

func ready(client *http.Client, port int) error {
	ask, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://127.0.0.1:"+strconv.Itoa(port)+"/readyz", nil)
	if err != nil {
		return err
	}
	ask.Header.Set("Authorization", "Bearer "+Admin)
	got, err := client.Do(ask)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err == nil && got.StatusCode != http.StatusOK {
		err = fmt.Errorf("readyz: %s: %s", got.Status, text)
	}
	return err
}

// Kill ends the API server as kill -9 does; etcd stays.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.api != nil {
		s.api.kill()
		s.api = nil
	}
}

// Again starts the API server that was killed, where it was.
func (s *Server) Again(t testing.TB) {
	t.Helper()
	var err error
	if s.api, err = s.serve(s.port); err != nil {
		t.Fatal(err)
	}
}

// Elsewhere runs another API server on the same etcd for as long as do takes: what is
// written there the first one never saw.
func (s *Server) Elsewhere(t testing.TB, do func(other *Server)) {
	t.Helper()
	ports, err := free(1)
	if err != nil {
		t.Fatal(err)
	}
	other := *s
	other.port, other.writer = ports[0], nil
	if other.api, err = s.serve(other.port); err != nil {
		t.Fatal(err)
	}
	defer other.api.kill()
	do(&other)
}

// process is a program that was begun here, and is ended by its own id.
type process struct {
	*exec.Cmd
	log   string
	ended chan struct{}
}

func begin(program string, args ...string) (*process, error) {
	log, err := os.CreateTemp("", "kubetest")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{Cmd: exec.Command(program, args...), log: log.Name(), ended: make(chan struct{})}
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, os.Remove(p.log))
	}
	go func() {
		defer close(p.ended)
		_ = p.Wait() // killed is how it ends
	}()
	return p, nil
}

func (p *process) kill() {
	_ = p.Process.Kill() // it may have ended already
	<-p.ended
	_ = os.Remove(p.log)
}

// said is the end of what a program printed.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// free finds ports that nobody listens on now.
func free(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
