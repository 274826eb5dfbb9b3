package kubernetes

import (
	"context"
	"fmt"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// List asks once for all services of some namespaces, of all where none is named, in
// the order of their names. It asks for pods and namespaces too, and does without
// where it may not read them.
func (c *Client) List(ctx context.Context, domain string, of ...string) ([]*discovery.Service, error) {
	var all Manifests
	if len(of) == 0 {
		of = []string{metav1.NamespaceAll}
	}
	for _, namespace := range of {
		if err := c.list(ctx, &all, namespace); err != nil {
			return nil, fmt.Errorf("kubernetes: %w", err)
		}
	}
	return all.Services(domain), nil
}

func (c *Client) list(ctx context.Context, all *Manifests, namespace string) error {
	found, err := c.typed.services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return explain(err, c.Host, "list", services, namespace)
	}
	joined, err := c.typed.slices(namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName})
	if err != nil {
		return explain(err, c.Host, "list", endpointslices, namespace)
	}
	for i := range found.Items {
		all.services = append(all.services, &found.Items[i])
	}
	for i := range joined.Items {
		all.slices = append(all.slices, &joined.Items[i])
	}
	if all.pods, err = c.partial(ctx, all.pods, pods, namespace, fields.Everything()); err != nil {
		return err
	}
	only := fields.Everything()
	if namespace != metav1.NamespaceAll {
		only = fields.OneTermEqualSelector("metadata.name", namespace)
	}
	all.spaces, err = c.partial(ctx, all.spaces, namespaces, metav1.NamespaceAll, only)
	return err
}

func (c *Client) partial(ctx context.Context, to []metav1.PartialObjectMetadata, resource, namespace string, only fields.Selector) ([]metav1.PartialObjectMetadata, error) {
	found, err := c.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).Namespace(namespace).
		List(ctx, metav1.ListOptions{FieldSelector: only.String()})
	switch {
	case apierrors.IsForbidden(err):
		return to, nil
	case err != nil:
		return nil, explain(err, c.Host, "list", resource, namespace)
	}
	return append(to, found.Items...), nil
}
