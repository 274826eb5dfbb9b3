package caddy

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/api/identity"
)

// feeds are by daemons, service and identity. They outlive a reload of Caddy's
// configuration, so that no weights are lost by one.
var feeds = caddy.NewUsagePool()

// feed is what a daemon tells of a service.
type feed struct {
	client *client.Client
	source *identity.Source // nil without TLS
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// Destruct implements caddy.Destructor.
func (f *feed) Destruct() error {
	f.stop()
	err := f.client.Close()
	f.done.Wait()
	if f.source != nil {
		f.source.Close()
	}
	return err
}

// listen returns the feed of the policy's daemons and service.
func (p *Policy) listen(log *zap.Logger) (*feed, string, error) {
	key, err := json.Marshal([]any{p.Targets, p.Service, p.Identity})
	if err != nil {
		return nil, "", err
	}
	found, _, err := feeds.LoadOrNew(string(key), func() (caddy.Destructor, error) { return p.newFeed(log) })
	if err != nil {
		return nil, "", err
	}
	return found.(*feed), string(key), nil
}

func (p *Policy) newFeed(log *zap.Logger) (*feed, error) {
	ctx, stop := context.WithCancel(context.Background())
	f := &feed{stop: stop}
	cfg := client.DefaultConfig()
	cfg.Targets, cfg.Clock, cfg.Seed = p.Targets, time.Now, uint64(time.Now().UnixNano())
	var err error
	if cfg.Credentials, err = f.credentials(ctx, p.Identity); err != nil {
		stop()
		return nil, fmt.Errorf("fairway: identity %s: %w", p.Identity, err)
	}
	if f.client, err = client.Dial(cfg); err != nil {
		stop()
		f.done.Wait()
		return nil, fmt.Errorf("fairway: %w", err)
	}
	f.done.Go(func() {
		_ = f.client.Watch(ctx, []string{p.Service}, func(err error) { // which ends with ctx
			log.Warn("fairway does not tell weights; the last are used until they expire", zap.String("service", p.Service), zap.Error(err))
		})
	})
	return f, nil
}

// credentials are those of the directory, followed as its files are renewed.
func (f *feed) credentials(ctx context.Context, dir string) (credentials.TransportCredentials, error) {
	if dir == "" {
		return insecure.NewCredentials(), nil
	}
	cfg := identity.DefaultConfig().Folder(dir)
	cfg.Clock = time.Now
	var err error
	if f.source, err = identity.Open(ctx, cfg); err != nil {
		return nil, err
	}
	f.done.Go(func() { f.source.Run(ctx) })
	return identity.ClientCredentials(f.source, ""), nil
}
