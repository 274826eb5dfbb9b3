package meshconfig

import (
	"istio.io/api/security/v1beta1"
	securityv1 "istio.io/client-go/pkg/apis/security/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// peerAuthentication lets in connections of mutual TLS only: to all workloads of the
// namespace, or of the mesh.
func (c Config) peerAuthentication() draft {
	namespace, about := c.Namespace, []string{
		"Workloads of the namespace take connections of mutual TLS only, also those whose service",
		"has no manifest here. Callers without a proxy of the mesh are refused from then on.",
	}
	if c.MeshWide {
		namespace, about = c.RootNamespace, []string{
			"Workloads of the whole mesh take connections of mutual TLS only, where no",
			"PeerAuthentication of their own namespace says otherwise. Callers without a proxy of",
			"the mesh are refused from then on.",
		}
	}
	return draft{
		kind: "PeerAuthentication", namespace: namespace, name: only,
		object: &securityv1.PeerAuthentication{
			TypeMeta:   metav1.TypeMeta{APIVersion: "security.istio.io/v1", Kind: "PeerAuthentication"},
			ObjectMeta: meta(namespace, only),
			Spec:       v1beta1.PeerAuthentication{Mtls: &v1beta1.PeerAuthentication_MutualTLS{Mode: v1beta1.PeerAuthentication_MutualTLS_STRICT}},
		},
		about: about,
	}
}
