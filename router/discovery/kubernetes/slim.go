package kubernetes

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// slim drops of an object what is never read, before it is kept. The resourceVersion
// stays: informers tell by it what is new.
func slim(object any) (any, error) {
	switch o := object.(type) {
	case *corev1.Service:
		o.ObjectMeta = thin(o.ObjectMeta, nil)
		o.Status = corev1.ServiceStatus{}
		o.Spec.Selector = nil
	case *discoveryv1.EndpointSlice:
		o.ObjectMeta = thin(o.ObjectMeta, map[string]string{discoveryv1.LabelServiceName: o.Labels[discoveryv1.LabelServiceName]})
		for i := range o.Endpoints {
			o.Endpoints[i].Hints, o.Endpoints[i].NodeName, o.Endpoints[i].DeprecatedTopology = nil, nil, nil
		}
	case *metav1.PartialObjectMetadata: // a pod's, or a namespace's
		o.ObjectMeta = thin(o.ObjectMeta, few(o.Labels))
	}
	return object, nil
}

func thin(o metav1.ObjectMeta, labels map[string]string) metav1.ObjectMeta {
	kept := metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion, Labels: labels}
	for _, ours := range []string{DiscoverAnnotation, PortAnnotation} {
		if said, ok := o.Annotations[ours]; ok {
			if kept.Annotations == nil {
				kept.Annotations = map[string]string{}
			}
			kept.Annotations[ours] = said
		}
	}
	return kept
}
