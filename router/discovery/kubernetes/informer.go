package kubernetes

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	needed              bool // nothing is found without
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
	// anew says that requests have failed since it last watched.
	anew atomic.Bool
}

func newInformer(a asker, r *run, failed func(error)) (*informer, error) {
	i := &informer{asker: a, run: r, failed: failed, lacking: make(chan struct{})}
	asks := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return patiently(ctx, i, "list", func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				return a.list(ctx, i.fresh(o))
			}, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return i.again(ctx, o)
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

// again watches from where it was. Where nobody answered meanwhile, it may be another
// etcd that answers now, restored or replaced, which takes the version of before and tells
// nothing until its own has passed that: then all is listed anew.
func (i *informer) again(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	attempts := 0
	w, err := patiently(ctx, i, "watch", func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		attempts++
		if o.SendInitialEvents != nil {
			o = i.fresh(o)
		}
		return i.watch(ctx, o)
	}, o)
	switch {
	case err != nil:
		return nil, err
	case attempts > 1 && o.SendInitialEvents == nil:
		w.Stop()
		return nil, apierrors.NewResourceExpired("nobody answered for a while")
	}
	i.anew.Store(false)
	i.failed(nil)
	return w, nil
}

// fresh asks for what there is now, whatever its version, after requests have failed: a
// server that is behind that of before would be waited for, for most of a minute.
func (i *informer) fresh(o metav1.ListOptions) metav1.ListOptions {
	if i.anew.Load() {
		o.ResourceVersion = ""
		if o.SendInitialEvents == nil {
			o.ResourceVersionMatch = ""
		}
	}
	return o
}

// patiently asks until somebody answers or ctx ends. What the API server answers is
// left to client-go, but for lists of what nothing is without: it may say no for as long
// as roles or tokens are exchanged, in which client-go's pauses would grow to a minute.
func patiently[T any](ctx context.Context, i *informer, verb string, ask func(context.Context, metav1.ListOptions) (T, error), o metav1.ListOptions) (T, error) {
	for attempt := 0; ; attempt++ {
		got, err := ask(ctx, o)
		if err == nil || ctx.Err() != nil {
			return got, err
		}
		i.anew.Store(true)
		i.failed(explain(err, i.run.cfg.Client.Host, verb, i.resource, i.namespace))
		if !refused(err) {
			i.once.Do(func() { close(i.lacking) })
			if verb != "list" || !i.needed || !denied(err) {
				return got, err
			}
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
