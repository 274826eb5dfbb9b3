package identity_test

import (
	"context"
	"crypto/x509"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"

	"github.com/fairway-mesh/fairway/api/identity"
)

// workloads is a Workload API in this process: it sends each who listens the
// present certificate, and each new one.
type workloads struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	mu      sync.Mutex
	present *workload.X509SVIDResponse
	changed chan struct{} // closed and replaced with present
}

func (w *workloads) FetchX509SVID(_ *workload.X509SVIDRequest, stream grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	for {
		w.mu.Lock()
		present, changed := w.present, w.changed
		w.mu.Unlock()
		if present != nil {
			if err := stream.Send(present); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (w *workloads) give(t *testing.T, p *pki, id string, until time.Time) {
	t.Helper()
	cert, key := p.leaf(id, noon.Add(-time.Hour), until)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.present = &workload.X509SVIDResponse{Svids: []*workload.X509SVID{{SpiffeId: id, X509Svid: cert.Raw, X509SvidKey: der, Bundle: p.cert.Raw}}}
	close(w.changed)
	w.changed = make(chan struct{})
}

func newWorkloads(t *testing.T) (w *workloads, address string) {
	t.Helper()
	w = &workloads{changed: make(chan struct{})}
	path := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(server, w)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return w, "unix://" + path
}

// TestSPIRE: certificates come from the Workload API, and new ones are shown as
// they are sent.
func TestSPIRE(t *testing.T) {
	c, p := newClock(), newPKI(t)
	agent, address := newWorkloads(t)
	agent.give(t, p, "spiffe://example.org/ns/mesh/fairway", noon.Add(time.Hour))
	cfg := c.config()
	cfg.SPIRE, cfg.Poll = address, time.Hour // what is sent must do
	s := open(t, cfg)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	defer running.Wait()
	defer stop()
	if s.Held().Name != "spiffe://example.org/ns/mesh/fairway" || s.Held().TrustDomain() != "example.org" {
		t.Errorf("got %s of %s", s.Held().Name, s.Held().TrustDomain())
	}
	server, caller := serve(t, identity.ServerCredentials(s))
	client := dial(t, server, identity.ClientCredentials(s, "spiffe://example.org/ns/mesh/*"))
	if err := check(t, client); err != nil {
		t.Fatal(err)
	}
	if caller.Load() != s.Held().Name {
		t.Errorf("%v called", caller.Load())
	}
	agent.give(t, p, "spiffe://example.org/ns/mesh/fairway", noon.Add(9*time.Hour))
	eventually(t, "the new certificate is in force", func() bool { return s.Held().Certificate.Leaf.NotAfter.Equal(noon.Add(9 * time.Hour)) })
	c.set(noon.Add(2 * time.Hour))
	if err := check(t, dial(t, server, identity.ClientCredentials(s, "spiffe://example.org/ns/mesh/fairway"))); err != nil {
		t.Error(err)
	}
}

// TestSPIREGone: an agent that is not there is waited for as long as the context
// says.
func TestSPIREGone(t *testing.T) {
	cfg := newClock().config()
	cfg.SPIRE = "unix://" + filepath.Join(t.TempDir(), "none.sock")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := identity.Open(ctx, cfg); err == nil {
		t.Error("opened without an agent")
	}
}
