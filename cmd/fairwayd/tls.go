package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/api/identity"
)

// tlsOptions say by what callers and the daemon believe each other.
type tlsOptions struct {
	state                 string
	plaintext, tls, tls12 bool
	cert, key, ca         string
	spire, trust, access  string
}

func (o *tlsOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.state, "state", "", "`directory` of what outlasts a restart, such as the own certificate authority and the last good model; default: $STATE_DIRECTORY, else ~/.local/state/fairway")
	fs.BoolVar(&o.plaintext, "plaintext", false, "speak without TLS beyond this machine too, to anyone; default: mutual TLS there, plaintext on the loopback and Unix sockets")
	fs.BoolVar(&o.tls, "tls", false, "speak mutual TLS on the loopback too")
	fs.BoolVar(&o.tls12, "tls12", false, "let callers speak TLS 1.2; default: 1.3 and nothing else")
	fs.StringVar(&o.cert, "tls-cert", "", "`file` with the daemon's certificate chain; default: one of its own authority")
	fs.StringVar(&o.key, "tls-key", "", "`file` with the key of --tls-cert")
	fs.StringVar(&o.ca, "tls-ca", "", "`file` with the roots by which callers are believed; all three are read again when they change")
	fs.StringVar(&o.spire, "spire", "", "`address` of SPIRE's Workload API, such as unix:///run/spire/agent.sock, that certificates come from")
	fs.StringVar(&o.trust, "trust-domain", "", "`name` of the trust domain of the own authority; default: "+identity.DefaultTrustDomain)
	fs.StringVar(&o.access, "access", "", "YAML `file` that says who may call what (allow), how much (limits), and what becomes of threats (threats); allow and threats are read again when it changes")
}

func (o *tlsOptions) check() error {
	files := 0
	for _, file := range []string{o.cert, o.key, o.ca} {
		if file != "" {
			files++
		}
	}
	switch {
	case files != 0 && files != 3:
		return usage("--tls-cert, --tls-key and --tls-ca go together")
	case files > 0 && o.spire != "":
		return usage("--tls-cert and --spire: certificates come from one or the other")
	case o.trust != "" && (files > 0 || o.spire != ""):
		return usage("--trust-domain is that of the own authority; with --tls-cert or --spire it is in the certificates")
	case o.plaintext && (o.tls || files > 0 || o.spire != ""):
		return usage("--plaintext and --tls, --tls-cert or --spire: with TLS or without")
	}
	return nil
}

// asked tells whether TLS is wanted wherever the API listens.
func (o *tlsOptions) asked() bool { return o.tls || o.cert != "" || o.spire != "" }

// security is what stands between the daemon and its callers.
type security struct {
	*tlsOptions
	source *identity.Source // nil where all is plaintext
	guard  *guard.Guard
	log    *slog.Logger

	text            []byte // of the access file that was taken or refused last
	seen            []byte // of the access file at the last look
	missing, missed bool   // it could not be read at the last look; the log says so
}

// patience is how long SPIRE is waited for at the start.
const patience = 30 * time.Second

// newSecurity reads or makes the certificates that the addresses need, and the
// access file. A mere check of the configuration makes no authority.
func newSecurity(ctx context.Context, o *options, reg prometheus.Registerer, log *slog.Logger) (s *security, err error) {
	s = &security{tlsOptions: &o.tlsOptions, log: log}
	own := s.cert == "" && s.spire == ""
	if !s.plaintext && (s.asked() || beyond(o.listen) || beyond(o.admin) || beyond(o.http) || beyond(o.haproxySPOE)) && !(own && o.checkConfig) {
		if err := s.open(ctx, o); err != nil {
			return nil, err
		}
		s.register(reg)
	}
	access := guard.Access{Limits: guard.DefaultLimits()}
	if s.access != "" {
		if s.text, err = os.ReadFile(s.access); err == nil {
			access, err = guard.ParseAccess(s.text)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("--access: %s: %w", s.access, err), s.close())
		}
	}
	access.Allow = s.allow(access.Allow)
	if s.guard, err = guard.New(access, reg, log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *security) open(ctx context.Context, o *options) (err error) {
	cfg := identity.DefaultConfig()
	cfg.Clock, cfg.Log, cfg.TLS12 = time.Now, s.log, s.tls12
	switch {
	case s.spire != "":
		cfg.SPIRE = s.spire
	case s.cert != "":
		cfg.Cert, cfg.Key, cfg.Trust = s.cert, s.key, s.ca
	default:
		if cfg.State = identity.StateDirectory(s.state, os.Getenv); cfg.State == "" {
			return errors.New("no directory for the certificate authority: give --state DIR, or --plaintext")
		}
		cfg.TrustDomain, cfg.Hosts = s.trust, hosts(o.listen, o.admin, o.http)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.source, err = identity.Open(ctx, cfg)
	return err
}

// allow is what an access file says, or the default.
func (s *security) allow(said []guard.Grant) []guard.Grant {
	switch {
	case said != nil:
		return said
	case s.source == nil:
		return guard.DefaultAllow("")
	}
	return guard.DefaultAllow(s.source.Held().TrustDomain())
}

func (s *security) register(reg prometheus.Registerer) {
	expiry := func(role string, at func(*identity.Held) time.Time) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "fairway_certificate_expiry_timestamp_seconds", ConstLabels: prometheus.Labels{"role": role},
			Help: "When the certificate in force expires, by role: server, or ca, the newest root that is believed.",
		}, func() float64 { return float64(at(s.source.Held()).Unix()) })
	}
	counter := func(name, help string, n func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(n()) })
	}
	reg.MustRegister(
		expiry("server", func(h *identity.Held) time.Time { return h.Certificate.Leaf.NotAfter }),
		expiry("ca", func(h *identity.Held) (newest time.Time) {
			for _, root := range h.Roots {
				if root.NotAfter.After(newest) {
					newest = root.NotAfter
				}
			}
			return newest
		}),
		counter("fairway_certificate_renewals_total", "How often other certificates or roots came into force.", s.source.Renewals),
		counter("fairway_certificate_failures_total", "How often new certificates could not be taken, and those in force stayed.", s.source.Failures))
}

// fits refuses, and closes, listeners that can be reached from elsewhere although
// their addresses did not look like it when certificates were made.
func (s *security) fits(listeners []net.Listener) error {
	for _, l := range listeners {
		if l != nil && s.source == nil && !s.plaintext && beyondAddr(l.Addr()) {
			for _, open := range listeners {
				if open != nil {
					open.Close()
				}
			}
			return fmt.Errorf("%s can be reached from elsewhere, and there are no certificates: give --tls, or --plaintext", l.Addr())
		}
	}
	return nil
}

// options are those of the gRPC server that listens on l.
func (s *security) options(l net.Listener) []grpc.ServerOption {
	if s.source == nil || !s.asked() && !beyondAddr(l.Addr()) {
		return s.guard.Options(insecure.NewCredentials())
	}
	return s.guard.Options(identity.ServerCredentials(s.source))
}

// admin guards the admin port: on this machine it is open to all, in plaintext.
// Beyond it, health and readiness are told to anyone, over TLS; metrics to
// whoever may have them; everything else, such as profiles, to operators.
func (s *security) admin(mux http.Handler, l net.Listener) (http.Handler, net.Listener) {
	if !beyondAddr(l.Addr()) {
		return mux, l
	}
	if s.source != nil {
		l = tls.NewListener(l, s.source.ServerTLS(tls.VerifyClientCertIfGiven, "http/1.1"))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := guard.Admin
		switch r.URL.Path {
		case "/healthz", "/readyz":
			mux.ServeHTTP(w, r)
			return
		case "/metrics":
			what = guard.Metrics
		}
		p := s.guard.Peer(r.TLS, r.RemoteAddr)
		if p == nil {
			http.Error(w, "show a certificate", http.StatusUnauthorized)
			return
		}
		ctx := peer.NewContext(r.Context(), &peer.Peer{AuthInfo: p})
		if err := s.guard.Allow(ctx, what, nil); err != nil {
			code := http.StatusForbidden
			if status.Code(err) == codes.ResourceExhausted {
				code = http.StatusTooManyRequests
			}
			http.Error(w, status.Convert(err).Message(), code)
			return
		}
		mux.ServeHTTP(w, r.WithContext(ctx))
	}), l
}

// run keeps certificates, limits and grants fresh until ctx ends.
func (s *security) run(ctx context.Context, g *errgroup.Group) {
	g.Go(func() error { s.guard.Run(ctx, time.Now); return nil })
	if s.source != nil {
		g.Go(func() error { s.source.Run(ctx); return nil })
	}
	if s.access != "" {
		g.Go(func() error { s.watch(ctx, time.Second); return nil })
	}
}

func (s *security) close() error {
	if s == nil || s.source == nil {
		return nil
	}
	return s.source.Close()
}

// say tells how a listener is protected, where it can be reached from elsewhere
// or TLS was asked for.
func (s *security) say(what string, at net.Addr) {
	beyond := beyondAddr(at)
	switch {
	case !beyond && (what != "api" && what != "http" || !s.asked()):
	case what == "haproxy-agent": // HAProxy's agent checks know no TLS
		s.log.Warn("listening beyond this machine, unencrypted, to anyone", "what", what, "address", at)
	case s.source == nil:
		s.log.Warn("listening beyond this machine, unencrypted, to anyone, as --plaintext asks", "what", what, "address", at)
	default:
		attrs := []any{"what", what, "address", at, "beyond_this_machine", beyond, "identity", s.source.String()}
		if s.cert == "" && s.spire == "" {
			state := filepath.Dir(identity.StateDirectory(s.state, os.Getenv))
			attrs = append(attrs, "callers_get_theirs_by", fmt.Sprintf("fairway identity issue --state %s --id spiffe://%s/NAME --out DIR", state, s.source.Held().TrustDomain()))
		}
		s.log.Info("listening with mutual TLS", attrs...)
	}
}
