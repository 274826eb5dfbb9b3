package haproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/router"
)

// Socket is the command socket of one HAProxy process, its Runtime API.
type Socket struct {
	Address  string // unix:PATH, or host:port
	Backends []Backend
}

// Backend names the service that a backend of HAProxy serves.
type Backend struct{ Name, Service string }

// ParseSocket reads SOCKET=SERVICE[@BACKEND][,SERVICE[@BACKEND]…], where SOCKET is
// unix:PATH or host:port, and a backend is called as its service unless it is named.
func ParseSocket(text string) (Socket, error) {
	address, list, ok := strings.Cut(text, "=")
	if path, local := strings.CutPrefix(address, "unix:"); !ok || local && path == "" || !local && !strings.Contains(address, ":") {
		return Socket{}, fmt.Errorf("%q is no SOCKET=SERVICE; want such as unix:/run/haproxy.sock=checkout, or 127.0.0.1:9999=checkout,cart@be_cart", text)
	}
	s := Socket{Address: address}
	for one := range strings.SplitSeq(list, ",") {
		service, backend, named := strings.Cut(one, "@")
		if !named {
			backend = service
		}
		if service == "" || !word(backend) {
			return Socket{}, fmt.Errorf("%q names no service, or a backend that HAProxy cannot have: %q", text, one)
		}
		s.Backends = append(s.Backends, Backend{Name: backend, Service: service})
	}
	return s, nil
}

// word reports whether a text can be a name in HAProxy's configuration, and so
// neither ends a command nor begins another.
func word(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.:", c) >= 0) {
			return false
		}
	}
	return text != ""
}

// RuntimeConfig says how weights are kept at command sockets.
type RuntimeConfig struct {
	// Every is how often a socket is read: a HAProxy that was started again, or
	// whose weights somebody else changed, has them again after that.
	Every time.Duration
	// Patience bounds one exchange.
	Patience time.Duration
	// Restore sets the weights of HAProxy's configuration again at the end. Without
	// it the last ones stay.
	Restore bool
}

// DefaultRuntimeConfig reads as often as HAProxy's agent checks usually ask.
func DefaultRuntimeConfig() RuntimeConfig {
	return RuntimeConfig{Every: 200 * time.Millisecond, Patience: time.Second}
}

// Runtime keeps the weights of a table at command sockets of HAProxy.
type Runtime struct {
	table  *router.Table
	cfg    RuntimeConfig
	told   *proxy.Adapter
	inStep *prometheus.GaugeVec
	log    *slog.Logger
}

// NewRuntime makes one of the table. metrics and reg may be nil.
func NewRuntime(table *router.Table, metrics *proxy.Metrics, reg prometheus.Registerer, log *slog.Logger, cfg RuntimeConfig) (*Runtime, error) {
	if cfg.Every <= 0 || cfg.Patience <= 0 {
		return nil, fmt.Errorf("haproxy runtime: every is %v and patience %v; want more than 0", cfg.Every, cfg.Patience)
	}
	r := &Runtime{table: table, cfg: cfg, told: metrics.Adapter("haproxy-runtime"), log: log, inStep: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_haproxy_socket_in_step", Help: "1 while the weights at a command socket are those of the table; else 0.",
	}, []string{"socket"})}
	if reg != nil {
		reg.MustRegister(r.inStep)
	}
	return r, nil
}

// Keep keeps the weights at one socket until ctx ends. Whatever fails is tried again:
// HAProxy goes on with the weights that it has.
func (r *Runtime) Keep(ctx context.Context, s Socket) {
	k := keeper{Runtime: r, Socket: s, unknown: map[string]bool{}, set: map[string]bool{}, lacking: map[string]string{}}
	tick := time.NewTicker(r.cfg.Every)
	defer tick.Stop()
	for {
		changed := r.table.Changed()
		k.saw(ctx, k.settle(ctx))
		select {
		case <-ctx.Done():
			k.leave(ctx)
			return
		case <-tick.C:
		case <-changed:
		}
	}
}

// keeper is what is known of one socket.
type keeper struct {
	*Runtime
	Socket
	failing string            // what was said last of what is wrong; "": nothing
	unknown map[string]bool   // servers that the table does not know
	set     map[string]bool   // those whose weights have been ours
	lacking map[string]string // by backend: the endpoints for which there was no server last
}

// largest is the weight of the endpoint that gets the most, and of a server that the
// table does not know any more: HAProxy's own checks and balancing then hold, as with
// the agent check.
const largest = 100

// saw tells of changes between working and not.
func (k *keeper) saw(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil { // it was cut short
		return
	}
	if err == nil {
		k.inStep.WithLabelValues(k.Address).Set(1)
		if k.failing != "" {
			k.log.Info("HAProxy has the weights", "socket", k.Address)
		}
		k.failing = ""
		return
	}
	k.inStep.WithLabelValues(k.Address).Set(0)
	if said := err.Error(); said != k.failing {
		k.failing = said
		why := "unreachable"
		if errors.Is(err, errRefused) {
			why = "refused"
		}
		k.told.FailedOpen(why)
		k.log.Warn("HAProxy does not take weights; it goes on with those that it has", "socket", k.Address, "error", err)
	}
}

// settle reads what HAProxy has, sets what differs, and reads whether that was taken.
func (k *keeper) settle(ctx context.Context) error {
	for _, b := range k.Backends {
		commands, err := k.differences(ctx, b)
		if err != nil || len(commands) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		answer, err := k.command(ctx, commands...)
		if err != nil {
			return err
		}
		left, err := k.differences(ctx, b)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%w: %q: %s", errRefused, left[0], strings.Join(strings.Fields(answer), " "))
		}
		for range commands {
			k.told.Answered()
		}
	}
	return nil
}

var errRefused = errors.New("HAProxy did not take a command")

// differences are the commands that bring a backend in step with the table. Where an
// agent check of HAProxy would set the weight of a server, it is disabled: two that
// set one weight undo each other's.
func (k *keeper) differences(ctx context.Context, b Backend) (commands []string, err error) {
	servers, err := k.servers(ctx, b.Name)
	if err != nil {
		return nil, err
	}
	k.lack(b, servers)
	for _, s := range servers {
		weight, why := percent(k.table, b.Service+"/"+s.name)
		name := b.Name + "/" + s.name
		if why != "" {
			k.miss(name, why)
			if k.set[name] && s.weight != largest { // by us, when it was known: it may be 0
				commands = append(commands, fmt.Sprintf("set server %s weight %d", name, largest))
			}
			continue
		}
		delete(k.unknown, name)
		k.set[name] = true
		if s.agent {
			commands = append(commands, "disable agent "+name)
		}
		if s.weight != weight {
			commands = append(commands, fmt.Sprintf("set server %s weight %d", name, weight))
		}
	}
	return commands, nil
}

// miss counts a server that the table has nothing to say of, once.
func (k *keeper) miss(server, why string) {
	if !k.unknown[server] {
		k.unknown[server] = true
		k.told.FailedOpen(why)
	}
}

// lack tells of endpoints for which the backend has no server, when they are others:
// weights can be set, and servers not be added.
func (k *keeper) lack(b Backend, servers []server) {
	var names []string
	for _, e := range k.table.Load(b.Service).Endpoints {
		if !slices.ContainsFunc(servers, func(s server) bool { return s.name == e.Name }) {
			names = append(names, e.Name)
		}
	}
	said := strings.Join(names, " ")
	if k.lacking[b.Name] == said {
		return
	}
	k.lacking[b.Name] = said
	if len(names) > 0 {
		k.log.Warn("HAProxy has no server for endpoints of the service, and sends them nothing; add one of the endpoint's name for each to the backend",
			"socket", k.Address, "backend", b.Name, "service", b.Service, "endpoints", names[:min(len(names), 5)], "of", len(names))
	}
}

// leave sets the weights of HAProxy's own configuration where that is wanted.
func (k *keeper) leave(ctx context.Context) {
	k.inStep.DeleteLabelValues(k.Address)
	if !k.cfg.Restore {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, b := range k.Backends {
		servers, err := k.servers(ctx, b.Name)
		if err != nil {
			k.log.Warn("HAProxy keeps the last weights", "socket", k.Address, "error", err)
			return
		}
		servers = slices.DeleteFunc(servers, func(s server) bool {
			_, why := percent(k.table, b.Service+"/"+s.name)
			return why != ""
		})
		var commands []string
		for _, s := range servers {
			commands = append(commands, fmt.Sprintf("set server %s/%s weight 100%%", b.Name, s.name))
		}
		if _, err := k.command(ctx, commands...); err != nil {
			k.log.Warn("HAProxy keeps the last weights", "socket", k.Address, "error", err)
		}
	}
}
