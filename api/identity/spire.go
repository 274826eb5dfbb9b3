package identity

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// spire takes certificates from a SPIFFE Workload API, which sends new ones
// before the old expire. The roots of other, federated trust domains are not
// believed.
type spire struct{ source *workloadapi.X509Source }

func openSPIRE(ctx context.Context, address string) (spire, error) {
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(address)))
	if err != nil {
		return spire{}, fmt.Errorf("identity: SPIRE at %s: %w; is the agent there, and this process registered?", address, err)
	}
	return spire{source}, nil
}

func (s spire) load(_ time.Time, last *Held) (*Held, error) {
	svid, err := s.source.GetX509SVID()
	if err != nil {
		return nil, fmt.Errorf("identity: SPIRE: %w", err)
	}
	bundle, err := s.source.GetX509BundleForTrustDomain(svid.ID.TrustDomain())
	if err != nil {
		return nil, fmt.Errorf("identity: SPIRE: %w", err)
	}
	cert := &tls.Certificate{PrivateKey: svid.PrivateKey, Leaf: svid.Certificates[0]}
	sum := sha256.New()
	for _, c := range svid.Certificates {
		cert.Certificate = append(cert.Certificate, c.Raw)
		sum.Write(c.Raw)
	}
	roots := bundle.X509Authorities()
	for _, c := range roots {
		sum.Write(c.Raw)
	}
	digest := string(sum.Sum(nil))
	if last != nil && last.digest == digest {
		return last, nil
	}
	return held(cert, roots, digest)
}

func (s spire) updated() <-chan struct{} { return s.source.Updated() }
func (s spire) close() error             { return s.source.Close() }
