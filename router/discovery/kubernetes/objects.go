package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/restmapper"
)

// Objects asks once for what a namespace has of some kinds, in the versions that the
// API server prefers, and returns a v1 List as `kubectl get -o json` prints it. Of the
// kind Namespace it is the namespace itself. A kind that the cluster does not know, for
// want of its custom resource definition, has no objects; one that may not be read is
// an error.
func (c *Client) Objects(ctx context.Context, namespace string, kinds ...schema.GroupKind) ([]byte, error) {
	if namespace == "" {
		return nil, errors.New("kubernetes: objects of no namespace")
	}
	known, err := restmapper.GetAPIGroupResources(c.typed.Discovery())
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", explain(err, c.Host, "get", "apis", ""))
	}
	mapper := restmapper.NewDiscoveryRESTMapper(known)
	all := []unstructured.Unstructured{}
	for _, kind := range kinds {
		mapping, err := mapper.RESTMapping(kind)
		if meta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("kubernetes: %s: %w", kind, err)
		}
		found, err := c.ofKind(ctx, namespace, mapping)
		if err != nil {
			return nil, fmt.Errorf("kubernetes: %s: %w", kind, err)
		}
		all = append(all, found...)
	}
	for _, o := range all {
		o.SetManagedFields(nil)
	}
	return json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": all})
}

func (c *Client) ofKind(ctx context.Context, namespace string, mapping *meta.RESTMapping) ([]unstructured.Unstructured, error) {
	resource := mapping.Resource.Resource
	if mapping.GroupVersionKind.GroupKind() == corev1.SchemeGroupVersion.WithKind("Namespace").GroupKind() {
		found, err := c.dynamic.Resource(mapping.Resource).Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("there is no namespace %q", namespace)
		}
		if err != nil {
			return nil, explain(err, c.Host, "get", resource, namespace)
		}
		return []unstructured.Unstructured{*found}, nil
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return nil, errors.New("objects of this kind belong to no namespace")
	}
	found, err := c.dynamic.Resource(mapping.Resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, explain(err, c.Host, "list", resource, namespace)
	}
	return found.Items, nil
}
