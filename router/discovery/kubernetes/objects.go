package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	all := []unstructured.Unstructured{}
	known, err := c.typed.groups(ctx)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", explain(err, c.Host, "get", "apis", ""))
	}
	for _, kind := range kinds {
		mapping, err := c.mapping(ctx, known, kind)
		if err != nil {
			return nil, fmt.Errorf("kubernetes: %s: %w", kind, err)
		}
		if mapping == nil {
			continue
		}
		found, err := c.ofKind(ctx, namespace, mapping)
		if err != nil {
			return nil, fmt.Errorf("kubernetes: %w", err)
		}
		all = append(all, found...)
	}
	for _, o := range all {
		o.SetManagedFields(nil)
	}
	return json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": all})
}

// mapping is how a kind is asked for, in the version of its group that is preferred, else
// in the first of the others that has it; nil where none has.
func (c *Client) mapping(ctx context.Context, known *metav1.APIGroupList, kind schema.GroupKind) (*meta.RESTMapping, error) {
	for _, version := range versionsOf(known, kind.Group) {
		has, err := c.typed.kinds(ctx, version)
		if apierrors.IsNotFound(err) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return nil, explain(err, c.Host, "get", version, "")
		}
		of, err := schema.ParseGroupVersion(version)
		if err != nil {
			return nil, err
		}
		for _, r := range has.APIResources {
			if r.Kind != kind.Kind || strings.Contains(r.Name, "/") { // a part of one, such as its status
				continue
			}
			mapping := &meta.RESTMapping{Resource: of.WithResource(r.Name), GroupVersionKind: of.WithKind(kind.Kind), Scope: meta.RESTScopeRoot}
			if r.Namespaced {
				mapping.Scope = meta.RESTScopeNamespace
			}
			return mapping, nil
		}
	}
	return nil, nil
}

// versionsOf lists the versions of a group, the preferred one first.
func versionsOf(known *metav1.APIGroupList, group string) (versions []string) {
	if group == "" {
		return []string{"v1"}
	}
	for _, g := range known.Groups {
		if g.Name != group {
			continue
		}
		versions = []string{g.PreferredVersion.GroupVersion}
		for _, v := range g.Versions {
			if v.GroupVersion != g.PreferredVersion.GroupVersion {
				versions = append(versions, v.GroupVersion)
			}
		}
	}
	return versions
}

func (c *Client) ofKind(ctx context.Context, namespace string, mapping *meta.RESTMapping) ([]unstructured.Unstructured, error) {
	resource := mapping.Resource.Resource
	if mapping.GroupVersionKind.GroupKind() == corev1.SchemeGroupVersion.WithKind("Namespace").GroupKind() {
		found, err := c.dynamic.Resource(mapping.Resource).Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("there is no namespace %q in the cluster at %s; name one that kubectl get namespaces lists, or another cluster", namespace, c.Host)
		}
		if err != nil {
			return nil, explain(err, c.Host, "get", resource, namespace)
		}
		return []unstructured.Unstructured{*found}, nil
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return nil, fmt.Errorf("%s: objects of this kind belong to no namespace", mapping.GroupVersionKind.GroupKind())
	}
	found, err := c.dynamic.Resource(mapping.Resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, explain(err, c.Host, "list", resource, namespace)
	}
	return found.Items, nil
}
