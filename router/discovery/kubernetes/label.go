package kubernetes

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// maxLabels bounds what is kept of a pod's labels.
const maxLabels = 16

// telling are the labels that subsets are usually chosen by, the most telling first.
var telling = []string{
	"version", "app.kubernetes.io/version", "app", "app.kubernetes.io/name",
	"app.kubernetes.io/component", "app.kubernetes.io/instance",
}

// subset is the version that labels tell.
func subset(labels map[string]string) string {
	return cmp.Or(labels["version"], labels["app.kubernetes.io/version"])
}

// few keeps of a pod's labels those that can choose a subset: not what differs from pod
// to pod or from rollout to rollout, and of the rest as many as are bounded.
func few(labels map[string]string) map[string]string {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(labels)), func(k string) bool {
		return strings.HasSuffix(k, "-hash") || strings.HasSuffix(k, "pod-name") || strings.HasSuffix(k, "pod-index") ||
			strings.HasSuffix(k, "pod-template-generation") || strings.Contains(k, "controller-uid")
	})
	if len(keys) == 0 {
		return nil
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	kept := map[string]string{}
	for _, k := range keys[:min(len(keys), maxLabels)] {
		kept[k] = labels[k]
	}
	return kept
}

func rank(key string) int {
	if i := slices.Index(telling, key); i >= 0 {
		return i
	}
	return len(telling)
}
