package kubernetes

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// run is one Watch. Its worker alone talks to the sink.
type run struct {
	cfg      Config
	to       discovery.Sink
	queue    workqueue.TypedInterface[item]
	scopes   []*scope
	troubles troubles

	told   map[key][]*discovery.Service // what the sink has last been told
	synced bool
	said   string // the trouble that the sink knows of

	mu     sync.Mutex
	warned map[string]bool
}

// item is something for the worker to look at: a service, a whole scope that is ready
// (no key), or what troubles there are (no scope).
type item struct {
	scope *scope
	key   key
}

func (r *run) work(ctx context.Context) {
	for {
		i, shut := r.queue.Get()
		if shut || ctx.Err() != nil {
			return
		}
		switch {
		case i.scope == nil:
			r.trouble()
		case i.key == key{}:
			r.begin(i.scope)
		case i.scope.ready:
			r.tell(i.scope, i.key)
		}
		r.queue.Done(i)
	}
}

// begin tells all of a scope, and Synced after the last.
func (r *run) begin(s *scope) {
	s.ready = true
	if s.namespace != metav1.NamespaceAll && s.spaces.HasSynced() && len(s.spaces.GetStore().ListKeys()) == 0 {
		r.warn(fmt.Sprintf("kubernetes: there is no namespace %q (--namespaces); what is in it is found when somebody makes it", s.namespace))
	}
	for _, k := range s.services.GetStore().ListKeys() {
		namespace, name, err := cache.SplitMetaNamespaceKey(k)
		if err == nil {
			r.tell(s, key{namespace, name})
		}
	}
	if !slices.ContainsFunc(r.scopes, func(s *scope) bool { return !s.ready }) {
		r.to.Synced()
		r.synced = true
		r.said = ""
		r.trouble()
	}
}

func (r *run) trouble() {
	err := r.troubles.now()
	said := ""
	if err != nil {
		said = err.Error()
	}
	if said != r.said && (err != nil || r.synced) { // Synced will say that all is well
		r.said = said
		r.to.Trouble(err)
	}
}

// tell puts one service together and tells what differs from what was told before.
func (r *run) tell(s *scope, k key) {
	before := r.told[k]
	now := r.found(s, k)
	for _, one := range now {
		i := slices.IndexFunc(before, func(b *discovery.Service) bool { return b.Name == one.Name })
		if i < 0 || !same(before[i], one) {
			given := *one // the sink's from now on
			given.Endpoints = slices.Clone(one.Endpoints)
			r.to.Put(&given)
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(now, func(one *discovery.Service) bool { return one.Name == b.Name }) {
			r.to.Delete(b.Name)
		}
	}
	if r.told[k] = now; len(now) == 0 {
		delete(r.told, k)
	}
}

// same says whether nothing but versions and times differ.
func same(a, b *discovery.Service) bool {
	x := *a
	x.Version, x.Time = b.Version, b.Time
	return reflect.DeepEqual(&x, b)
}

func (r *run) found(s *scope, k key) []*discovery.Service {
	object, exists, err := s.services.GetStore().GetByKey(k.String())
	if err != nil || !exists {
		return nil
	}
	found, err := s.slices.GetIndexer().ByIndex(byService, k.String())
	if err != nil {
		return nil // there is such an index
	}
	of := make([]*discoveryv1.EndpointSlice, len(found))
	for i, f := range found {
		of[i] = f.(*discoveryv1.EndpointSlice)
	}
	v := view{
		domain: r.cfg.Domain, now: r.cfg.Clock(),
		labels: func(namespace, pod string) map[string]string {
			return s.pods.partialOf(key{namespace, pod}.String()).Labels
		},
		annotations: func(namespace string) map[string]string { return s.spaces.partialOf(namespace).Annotations },
	}
	all, warning := v.services(object.(*corev1.Service), of)
	if warning != "" {
		r.warn("kubernetes: service " + k.String() + ": " + warning)
	}
	return all
}

// partialOf is what is kept of an object, empty where it is not there.
func (i *informer) partialOf(name string) *metav1.PartialObjectMetadata {
	if object, exists, err := i.GetStore().GetByKey(name); err == nil && exists {
		return object.(*metav1.PartialObjectMetadata)
	}
	return &metav1.PartialObjectMetadata{}
}

// needed makes a place for the trouble of an informer that nothing is without.
func (r *run) needed() func(error) {
	i := len(r.troubles.of)
	r.troubles.of = append(r.troubles.of, nil)
	return func(err error) { r.troubles.set(i, err) }
}

// patience is for how long a refusal of what can be done without is not told: an API
// server that has just started forbids everything until it has read the roles.
const patience = 5 * time.Second

// wanted warns, once until it may again, of what is lost without the informer of a
// resource: a role that lacks it lacks it whether it is listed or watched. That nobody
// answers is the others' trouble too.
func (r *run) wanted(resource, without string) func(error) {
	var mu sync.Mutex
	var since time.Time // of the refusals in a row the first; zero: none
	told := false
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		switch now := r.cfg.Clock(); {
		case err == nil:
			if told {
				r.cfg.Log.Info("kubernetes: " + resource + " may be read again")
			}
			since, told = time.Time{}, false
		case refused(err):
		case since.IsZero():
			since = now
		case now.Sub(since) >= patience && !told:
			told = true
			r.cfg.Log.Warn("kubernetes: " + without + ": " + err.Error())
		}
	}
}

// warn logs what it has not logged yet.
func (r *run) warn(text string) {
	r.mu.Lock()
	known := r.warned[text]
	r.warned[text] = true
	r.mu.Unlock()
	if !known {
		r.cfg.Log.Warn(text)
	}
}
