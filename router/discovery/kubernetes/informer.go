package kubernetes

import (
	"context"
	"math"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// resync is how often everything kept is looked at again: a mistake of ours, should
// there be one, does not stay. It asks the API server nothing.
const resync = 10 * time.Minute

// asker is how one resource of one namespace is asked for.
type asker struct {
	resource, namespace string
	client              any // which says whether it can stream lists
	example             runtime.Object
	list                func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch               func(context.Context, metav1.ListOptions) (watch.Interface, error)
	indexers            cache.Indexers
}

// informer keeps one resource of one namespace. It goes on asking while nobody answers:
// client-go would back off to a minute, and tell nobody of a watch that it cannot
// begin again.
type informer struct {
	asker
	cache.SharedIndexInformer
	run *run
	// failed hears of the error of an attempt, of nil when it watches.
	failed func(err error)
	// lacking is closed when the API server has once said no.
	lacking chan struct{}
	once    sync.Once
}

func newInformer(a asker, r *run, failed func(error)) (*informer, error) {
	i := &informer{asker: a, run: r, failed: failed, lacking: make(chan struct{})}
	asks := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return patiently(ctx, i, "list", a.list, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := patiently(ctx, i, "watch", a.watch, o)
			if err == nil {
				failed(nil)
			}
			return w, err
		},
	}, a.client)
	i.SharedIndexInformer = cache.NewSharedIndexInformerWithOptions(asks, a.example, cache.SharedIndexInformerOptions{
		ResyncPeriod: resync, Indexers: a.indexers, ObjectDescription: a.resource,
	})
	if err := i.SetTransform(slim); err != nil {
		return nil, err
	}
	// Failures were told where they happened.
	return i, i.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {})
}

// patiently asks until somebody answers or ctx ends. What the API server answers is
// left to client-go.
func patiently[T any](ctx context.Context, i *informer, verb string, ask func(context.Context, metav1.ListOptions) (T, error), o metav1.ListOptions) (T, error) {
	for attempt := 0; ; attempt++ {
		got, err := ask(ctx, o)
		if err == nil || ctx.Err() != nil {
			return got, err
		}
		i.failed(explain(err, i.run.cfg.Client.Host, verb, i.resource, i.namespace))
		if !refused(err) {
			i.once.Do(func() { close(i.lacking) })
			return got, err
		}
		select {
		case <-ctx.Done():
			return got, ctx.Err()
		case <-time.After(pause(attempt, i.run.cfg.Random())):
		}
	}
}

// pause is how long to wait after so many attempts that failed: from half a second to
// ten, a part of it by chance.
func pause(attempt int, chance float64) time.Duration {
	most := math.Min(10, 0.5*math.Pow(2, float64(min(attempt, 10))))
	return time.Duration(most * (0.5 + 0.5*chance) * float64(time.Second))
}
