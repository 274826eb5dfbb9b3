package kubernetes

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// Manifests are the objects of some files, or of a one-time list, of which services
// are put together.
type Manifests struct {
	services []*corev1.Service
	slices   []*discoveryv1.EndpointSlice
	pods     []metav1.PartialObjectMetadata
	spaces   []metav1.PartialObjectMetadata
}

// Read takes the Services, EndpointSlices, Pods and Namespaces of manifests or of what
// `kubectl get -o yaml` or `-o json` prints; other objects are passed over. name is the
// file's, for errors.
func Read(name string, text []byte) (*Manifests, error) {
	m := &Manifests{}
	for documents, n := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096), 1; ; n++ {
		var raw json.RawMessage
		err := documents.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err == nil && len(raw) > 0 {
			err = m.add(raw, 0)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", name, n, err)
		}
	}
}

// Add joins what another file has.
func (m *Manifests) Add(other *Manifests) {
	m.services = append(m.services, other.services...)
	m.slices = append(m.slices, other.slices...)
	m.pods = append(m.pods, other.pods...)
	m.spaces = append(m.spaces, other.spaces...)
}

// Services puts together what was read, in the order of names. A service that stands
// twice is taken as the last says.
func (m *Manifests) Services(domain string) []*discovery.Service {
	of := map[key][]*discoveryv1.EndpointSlice{}
	for _, s := range m.slices {
		of[serviceOf(s)] = append(of[serviceOf(s)], s)
	}
	pods, spaces := byKey(m.pods), byKey(m.spaces)
	v := view{
		domain:      domain,
		labels:      func(namespace, pod string) map[string]string { return few(pods[key{namespace, pod}].Labels) },
		annotations: func(namespace string) map[string]string { return spaces[key{"", namespace}].Annotations },
	}
	last := map[key]*corev1.Service{}
	for _, s := range m.services {
		last[key{s.Namespace, s.Name}] = s
	}
	var all []*discovery.Service
	for k, s := range last {
		found, _ := v.services(s, of[k])
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b *discovery.Service) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func byKey(all []metav1.PartialObjectMetadata) map[key]metav1.PartialObjectMetadata {
	of := map[key]metav1.PartialObjectMetadata{}
	for _, o := range all {
		of[key{o.Namespace, o.Name}] = o
	}
	return of
}

// maxNesting bounds lists in lists.
const maxNesting = 4

func (m *Manifests) add(raw json.RawMessage, nesting int) error {
	var head struct {
		metav1.TypeMeta
		Items []json.RawMessage `json:"items"`
	}
	if json.Unmarshal(raw, &head) != nil { // its error tells of our types
		return errors.New("it is no object of Kubernetes; want its apiVersion and kind, or a list's items")
	}
	if nesting < maxNesting {
		for i, one := range head.Items {
			if err := m.add(one, nesting+1); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
	}
	var err error
	switch head.APIVersion + " " + head.Kind {
	case "v1 Service":
		s := &corev1.Service{}
		err = json.Unmarshal(raw, s)
		m.services = append(m.services, inNamespace(s))
	case "discovery.k8s.io/v1 EndpointSlice":
		s := &discoveryv1.EndpointSlice{}
		err = json.Unmarshal(raw, s)
		m.slices = append(m.slices, inNamespace(s))
	case "v1 Pod":
		p := &metav1.PartialObjectMetadata{}
		err = json.Unmarshal(raw, p)
		m.pods = append(m.pods, *inNamespace(p))
	case "v1 Namespace":
		n := &metav1.PartialObjectMetadata{}
		err = json.Unmarshal(raw, n)
		m.spaces = append(m.spaces, *n)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", head.Kind, err)
	}
	return nil
}

// inNamespace puts an object that names no namespace where kubectl would.
func inNamespace[T metav1.Object](o T) T {
	o.SetNamespace(cmp.Or(o.GetNamespace(), metav1.NamespaceDefault))
	return o
}
