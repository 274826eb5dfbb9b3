package kubernetes

import (
	"context"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// The resources, as roles call them.
const (
	services       = "services"
	endpointslices = "endpointslices"
	pods           = "pods"
	namespaces     = "namespaces"
)

// The indexes of slices.
const (
	byService = "service"
	byPod     = "pod"
)

// scope is what is watched of one namespace, or of all: the services and slices that it
// cannot do without, and the pods and namespaces that it can.
type scope struct {
	namespace                      string // metav1.NamespaceAll for all
	services, slices, pods, spaces *informer
	ready                          bool // everything that comes is here; the worker's
}

func newScope(r *run, namespace string) (*scope, error) {
	typed := r.cfg.Client.typed
	s := &scope{namespace: namespace}
	var errs [4]error
	s.services, errs[0] = newInformer(asker{
		resource: services, namespace: namespace, needed: true, client: typed, example: &corev1.Service{},
		list: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return typed.services(namespace).List(ctx, o)
		},
		watch:    typed.services(namespace).Watch,
		indexers: cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc},
	}, r, r.needed())
	s.slices, errs[1] = newInformer(asker{
		resource: endpointslices, namespace: namespace, needed: true, client: typed, example: &discoveryv1.EndpointSlice{},
		list: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = discoveryv1.LabelServiceName
			return typed.slices(namespace).List(ctx, o)
		},
		watch: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = discoveryv1.LabelServiceName
			return typed.slices(namespace).Watch(ctx, o)
		},
		indexers: cache.Indexers{
			byService: func(o any) ([]string, error) {
				return []string{serviceOf(o.(*discoveryv1.EndpointSlice)).String()}, nil
			},
			byPod: func(o any) ([]string, error) { return podsOf(o.(*discoveryv1.EndpointSlice)), nil },
		},
	}, r, r.needed())
	s.pods, errs[2] = newInformer(s.partial(r, pods, namespace, fields.AndSelectors(
		fields.OneTermNotEqualSelector("status.phase", "Succeeded"), fields.OneTermNotEqualSelector("status.phase", "Failed"))), r, r.wanted(pods, "endpoints have no subset"))
	only := fields.Everything()
	if namespace != metav1.NamespaceAll {
		only = fields.OneTermEqualSelector("metadata.name", namespace)
	}
	s.spaces, errs[3] = newInformer(s.partial(r, namespaces, metav1.NamespaceAll, only), r, r.wanted(namespaces, "a namespace cannot be opted out"))
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return s, s.hear(r)
}

// partial asks for no more of objects than their metadata.
func (s *scope) partial(r *run, resource, namespace string, only fields.Selector) asker {
	get := r.cfg.Client.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).Namespace(namespace)
	return asker{
		resource: resource, namespace: s.namespace, client: r.cfg.Client.metadata, example: &metav1.PartialObjectMetadata{},
		list: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = only.String()
			return get.List(ctx, o)
		},
		watch: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = only.String()
			return answered(get.Watch(ctx, o))
		},
	}
}

func (s *scope) all() []*informer { return []*informer{s.services, s.slices, s.pods, s.spaces} }

// hear has each change name the services to put together anew.
func (s *scope) hear(r *run) error {
	touched := func(i *informer, keys func(object any) []key, same func(before, after any) bool) error {
		add := func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			for _, k := range keys(object) {
				r.queue.Add(item{scope: s, key: k})
			}
		}
		_, err := i.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: add, DeleteFunc: add,
			UpdateFunc: func(before, after any) {
				if same == nil || !same(before, after) {
					add(before)
					add(after)
				}
			},
		})
		return err
	}
	errs := []error{
		touched(s.services, func(o any) []key { return keyOf[*corev1.Service](o) }, nil),
		touched(s.slices, func(o any) []key {
			if slice, ok := o.(*discoveryv1.EndpointSlice); ok {
				return []key{serviceOf(slice)}
			}
			return nil
		}, nil),
		touched(s.pods, s.ofPod, func(before, after any) bool {
			return maps.Equal(before.(*metav1.PartialObjectMetadata).Labels, after.(*metav1.PartialObjectMetadata).Labels)
		}),
		touched(s.spaces, s.ofSpace, func(before, after any) bool {
			return maps.Equal(before.(*metav1.PartialObjectMetadata).Annotations, after.(*metav1.PartialObjectMetadata).Annotations)
		}),
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ofPod names the services that a pod is an endpoint of.
func (s *scope) ofPod(o any) (of []key) {
	for _, pod := range keyOf[*metav1.PartialObjectMetadata](o) {
		found, err := s.slices.GetIndexer().ByIndex(byPod, pod.String())
		if err != nil {
			continue // there is such an index
		}
		for _, f := range found {
			of = append(of, serviceOf(f.(*discoveryv1.EndpointSlice)))
		}
	}
	return of
}

// ofSpace names the services of a namespace.
func (s *scope) ofSpace(o any) (of []key) {
	for _, space := range keyOf[*metav1.PartialObjectMetadata](o) {
		found, err := s.services.GetIndexer().ByIndex(cache.NamespaceIndex, space.name)
		if err != nil {
			continue // there is such an index
		}
		for _, f := range found {
			of = append(of, keyOf[*corev1.Service](f)...)
		}
	}
	return of
}

// grace is how long what can be done without is waited for while the rest is there.
const grace = 5 * time.Second

// start runs the informers until ctx ends, and says once when all that will come has:
// what may not be read is not waited for.
func (s *scope) start(ctx context.Context, r *run, running *sync.WaitGroup) {
	for _, i := range s.all() {
		running.Go(func() { i.RunWithContext(ctx) })
	}
	running.Go(func() {
		for _, i := range []*informer{s.services, s.slices} {
			select {
			case <-i.HasSyncedChecker().Done():
			case <-ctx.Done():
				return
			}
		}
		late := time.After(grace)
		for _, i := range []*informer{s.pods, s.spaces} {
			select {
			case <-late:
			case <-i.HasSyncedChecker().Done():
			case <-i.lacking:
			case <-ctx.Done():
				return
			}
		}
		r.queue.Add(item{scope: s})
	})
}
