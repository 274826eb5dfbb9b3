package kubernetes

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	kubefake "k8s.io/client-go/kubernetes/fake"
	metafake "k8s.io/client-go/metadata/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/fairway-mesh/fairway/router/discovery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ear is a sink that remembers all it hears, in order.
type ear struct {
	mu       sync.Mutex
	services map[string]*discovery.Service
	heard    []string // +put, -deleted, synced, trouble: …, well
}

func newEar() *ear { return &ear{services: map[string]*discovery.Service{}} }

func (e *ear) say(text string) { e.heard = append(e.heard, text) }

func (e *ear) Put(s *discovery.Service) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.services[s.Name] = s
	e.say("+" + s.Name)
}

func (e *ear) Delete(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.services, name)
	e.say("-" + name)
}

func (e *ear) Synced() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.say("synced")
}

func (e *ear) Trouble(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.say("well")
		return
	}
	e.say("trouble: " + err.Error())
}

// holds is whether something that was said, or a part of it, is so.
func (e *ear) holds(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.heard, func(h string) bool { return strings.Contains(h, text) })
}

func (e *ear) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

func (e *ear) service(name string) *discovery.Service {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.services[name]
}

func (e *ear) names() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.services))
}

// state is that of an endpoint, with its subset; empty where it is not there.
func (e *ear) state(service, endpoint string) string {
	found := e.service(service).Endpoint(endpoint)
	if found == nil {
		return ""
	}
	return strings.TrimSpace(found.State.String() + " " + found.Subset)
}

// until waits for something that comes soon.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// fakes are a cluster of client-go's own fakes.
type fakes struct {
	typed  *kubefake.Clientset
	meta   *metafake.FakeMetadataClient
	logged *log
}

type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newFakes(t *testing.T, partial []runtime.Object, typed ...runtime.Object) *fakes {
	t.Helper()
	scheme := metafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	f := &fakes{kubefake.NewClientset(typed...), metafake.NewSimpleMetadataClient(scheme, partial...), &log{}}
	giveAway(&f.typed.Fake, f.typed.Tracker())
	giveAway(&f.meta.Fake, f.meta.Tracker())
	return f
}

// giveAway has the fakes' watches tell of copies. Of what came between a list and its
// watch they tell the very objects that they keep, which informers change.
func giveAway(f *kubetesting.Fake, tracker kubetesting.ObjectTracker) {
	f.PrependWatchReactor("*", func(a kubetesting.Action) (bool, apiwatch.Interface, error) {
		w, err := tracker.Watch(a.GetResource(), a.GetNamespace(), a.(kubetesting.WatchActionImpl).ListOptions)
		if err != nil {
			return true, nil, err
		}
		g := &given{Interface: w, events: make(chan apiwatch.Event), over: make(chan struct{})}
		go g.copy()
		return true, g, nil
	})
}

// given is a watch that tells of copies.
type given struct {
	apiwatch.Interface
	events chan apiwatch.Event
	over   chan struct{}
	once   sync.Once
}

func (g *given) ResultChan() <-chan apiwatch.Event { return g.events }

func (g *given) Stop() {
	g.once.Do(func() { close(g.over) })
	g.Interface.Stop()
}

func (g *given) copy() {
	defer close(g.events)
	for e := range g.Interface.ResultChan() {
		e.Object = e.Object.DeepCopyObject()
		select {
		case g.events <- e:
		case <-g.over:
			return
		}
	}
}

// clientset is client-go's, as far as we ask.
type clientset struct{ *kubefake.Clientset }

func (c clientset) services(namespace string) resource[*corev1.ServiceList] {
	return c.CoreV1().Services(namespace)
}

func (c clientset) slices(namespace string) resource[*discoveryv1.EndpointSliceList] {
	return c.DiscoveryV1().EndpointSlices(namespace)
}

func (c clientset) groups(context.Context) (*metav1.APIGroupList, error) {
	return c.Discovery().ServerGroups()
}

func (c clientset) kinds(_ context.Context, groupVersion string) (*metav1.APIResourceList, error) {
	return c.Discovery().ServerResourcesForGroupVersion(groupVersion)
}

func (f *fakes) config() Config {
	cfg := DefaultConfig()
	cfg.Client = &Client{Host: "https://fake", typed: clientset{f.typed}, metadata: f.meta}
	cfg.Log = slog.New(slog.NewTextHandler(f.logged, nil))
	cfg.Random = func() float64 { return 0 }
	return cfg
}

// follow runs a source until the test ends.
func follow(t *testing.T, cfg Config) *ear {
	t.Helper()
	e, _ := followUntil(t, cfg)
	return e
}

func followUntil(t *testing.T, cfg Config) (*ear, context.CancelFunc) {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	e, ended := newEar(), make(chan error, 1)
	go func() { ended <- s.Watch(ctx, e) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	t.Cleanup(stop)
	return e, stop
}

// refuse has the fakes answer some requests by an error.
func refuse(f *kubetesting.Fake, verb, resource string, err func() error) {
	f.PrependReactor(verb, resource, func(kubetesting.Action) (bool, runtime.Object, error) {
		e := err()
		return e != nil, nil, e
	})
}

func service(namespace, name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: "10.96.0.1", Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
}

// sliceOf is a slice of a service with n pods NAME-0… that are ready.
func sliceOf(namespace, service string, n int) *discoveryv1.EndpointSlice {
	port, name := int32(8080), "http"
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: service + "-x", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	}
	for i := range n {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{fmt.Sprintf("10.1.%d.%d", i/250, i%250+1)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: fmt.Sprintf("%s-%d", service, i)},
		})
	}
	return s
}

func partial(kind, namespace, name string, labels, annotations map[string]string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels, Annotations: annotations},
	}
}

func (f *fakes) put(t *testing.T, resource string, o *metav1.PartialObjectMetadata, update bool) {
	t.Helper()
	get := f.meta.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).Namespace(o.Namespace).(metafake.MetadataClient)
	var err error
	if update {
		_, err = get.UpdateFake(o, metav1.UpdateOptions{})
	} else {
		_, err = get.CreateFake(o, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}
