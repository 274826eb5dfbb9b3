package kubernetes

import (
	"context"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// Source is a discovery.Source.
type Source struct{ cfg Config }

// New checks a Config; it asks nothing yet.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Namespaces = slices.Compact(slices.Sorted(slices.Values(cfg.Namespaces)))
	return &Source{cfg}, nil
}

// Name is kubernetes.
func (*Source) Name() string { return SourceName }

// Watch tells of services until ctx ends. Once the lists are complete it tells them
// all and says Synced; from then on it tells what changes, and only that. An API server
// that goes away and comes back is Trouble and then no trouble: what has changed in
// between is told by then or soon after.
func (s *Source) Watch(ctx context.Context, to discovery.Sink) error {
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.Discard())) // Trouble tells it better
	defer cancel()
	r := &run{
		cfg: s.cfg, to: to, queue: workqueue.NewTyped[item](),
		told: map[key][]*discovery.Service{}, warned: map[string]bool{},
	}
	r.troubles.had = func() { r.queue.Add(item{}) }
	watched := s.cfg.Namespaces
	if len(watched) == 0 {
		watched = []string{metav1.NamespaceAll}
	}
	for _, namespace := range watched {
		one, err := newScope(r, namespace)
		if err != nil {
			return err
		}
		r.scopes = append(r.scopes, one)
	}
	var running sync.WaitGroup
	for _, one := range r.scopes {
		one.start(ctx, r, &running)
	}
	running.Go(func() { <-ctx.Done(); r.queue.ShutDown() })
	r.work(ctx)
	running.Wait()
	return nil
}
