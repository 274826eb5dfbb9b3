package kubetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// config is the admin's, without the limits of a client.
func (s *Server) config() *rest.Config {
	return &rest.Config{Host: s.URL(), BearerToken: Admin, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAFile: s.directory + "/cert"}}
}

// Admin is a client that may everything.
func (s *Server) Admin(t testing.TB) kubernetes.Interface {
	t.Helper()
	c, err := kubernetes.NewForConfig(s.config())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Apply writes the objects of manifests as kubectl apply does.
func (s *Server) Apply(t testing.TB, manifests string) {
	t.Helper()
	s.each(t, manifests, func(ctx context.Context, at dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		force := true
		_, err = at.Patch(ctx, o.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{FieldManager: "kubetest", Force: &force})
		return err
	})
}

// Delete deletes the objects of manifests, such as are there.
func (s *Server) Delete(t testing.TB, manifests string) {
	t.Helper()
	s.each(t, manifests, func(ctx context.Context, at dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		if err := at.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	})
}

func (s *Server) each(t testing.TB, manifests string, do func(context.Context, dynamic.ResourceInterface, *unstructured.Unstructured) error) {
	t.Helper()
	admin := s.Admin(t)
	objects, err := dynamic.NewForConfig(s.config())
	if err != nil {
		t.Fatal(err)
	}
	known, err := restmapper.GetAPIGroupResources(admin.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(known)
	for documents := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096); ; {
		var raw json.RawMessage
		err := documents.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil && len(bytes.TrimSpace(raw)) > 0 {
			err = one(t.Context(), raw, mapper, objects, do)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func one(ctx context.Context, raw []byte, mapper meta.RESTMapper, objects dynamic.Interface, do func(context.Context, dynamic.ResourceInterface, *unstructured.Unstructured) error) error {
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &o.Object); err != nil {
		return err
	}
	mapping, err := mapper.RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
	if err != nil {
		return err
	}
	var at dynamic.ResourceInterface = objects.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if o.GetNamespace() == "" {
			o.SetNamespace(metav1.NamespaceDefault)
		}
		at = objects.Resource(mapping.Resource).Namespace(o.GetNamespace())
	}
	if err := do(ctx, at, o); err != nil {
		return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}
