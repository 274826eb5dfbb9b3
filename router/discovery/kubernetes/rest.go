package kubernetes

import (
	"context"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// api asks for what has Go types here. client-go's clientset would do, and link all of
// Kubernetes' types into whatever links this: a daemon twice as large, which starts some
// milliseconds later.
type api interface {
	services(namespace string) resource[*corev1.ServiceList]
	slices(namespace string) resource[*discoveryv1.EndpointSliceList]
	// groups and kinds say what else there is to ask for; groups lacks the core.
	groups(ctx context.Context) (*metav1.APIGroupList, error)
	kinds(ctx context.Context, groupVersion string) (*metav1.APIResourceList, error)
}

// resource is what is asked for of one namespace.
type resource[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// server is an api over HTTP.
type server struct {
	core, discovery rest.Interface
	parameters      runtime.ParameterCodec
}

func newServer(cfg *rest.Config) (*server, error) {
	known := runtime.NewScheme()
	known.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Service{}, &corev1.ServiceList{})
	known.AddKnownTypes(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSlice{}, &discoveryv1.EndpointSliceList{})
	for _, version := range []schema.GroupVersion{{Version: "v1"}, discoveryv1.SchemeGroupVersion} {
		metav1.AddToGroupVersion(known, version)
	}
	with, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, err
	}
	s := &server{parameters: runtime.NewParameterCodec(known)}
	codecs := serializer.NewCodecFactory(known)
	if s.core, err = clientOf(cfg, with, codecs, "/api", corev1.SchemeGroupVersion); err != nil {
		return nil, err
	}
	s.discovery, err = clientOf(cfg, with, codecs, "/apis", discoveryv1.SchemeGroupVersion)
	return s, err
}

func clientOf(cfg *rest.Config, with *http.Client, codecs serializer.CodecFactory, path string, version schema.GroupVersion) (rest.Interface, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.APIPath, cfg.GroupVersion, cfg.NegotiatedSerializer = path, &version, codecs.WithoutConversion()
	return rest.RESTClientForConfigAndClient(cfg, with)
}

func (s *server) services(namespace string) resource[*corev1.ServiceList] {
	return &collection[corev1.ServiceList, *corev1.ServiceList]{s, s.core, services, namespace}
}

func (s *server) slices(namespace string) resource[*discoveryv1.EndpointSliceList] {
	return &collection[discoveryv1.EndpointSliceList, *discoveryv1.EndpointSliceList]{s, s.discovery, endpointslices, namespace}
}

func (s *server) groups(ctx context.Context) (*metav1.APIGroupList, error) {
	list := &metav1.APIGroupList{}
	return list, s.core.Get().AbsPath("/apis").Do(ctx).Into(list)
}

func (s *server) kinds(ctx context.Context, groupVersion string) (*metav1.APIResourceList, error) {
	list, path := &metav1.APIResourceList{}, "/apis/"+groupVersion
	if groupVersion == "v1" {
		path = "/api/v1"
	}
	return list, s.core.Get().AbsPath(path).Do(ctx).Into(list)
}

// collection is a resource over HTTP, of lists T.
type collection[T any, L interface {
	*T
	runtime.Object
}] struct {
	*server
	client              rest.Interface
	resource, namespace string
}

func (c *collection[T, L]) get(o metav1.ListOptions) *rest.Request {
	timeout := time.Duration(0)
	if o.TimeoutSeconds != nil {
		timeout = time.Duration(*o.TimeoutSeconds) * time.Second
	}
	return c.client.Get().NamespaceIfScoped(c.namespace, c.namespace != "").Resource(c.resource).VersionedParams(&o, c.parameters).Timeout(timeout)
}

// List implements resource.
func (c *collection[T, L]) List(ctx context.Context, o metav1.ListOptions) (L, error) {
	list := L(new(T))
	return list, c.get(o).Do(ctx).Into(list)
}

// Watch implements resource.
func (c *collection[T, L]) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	// Who asks does so again: client-go's own ten attempts take two minutes, and tell nobody.
	return answered(c.get(o).MaxRetries(0).Watch(ctx))
}
