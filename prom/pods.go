package prom

import (
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/fairway-mesh/fairway/mesh"
)

// podSeries are what Kubernetes and Prometheus itself tell of a pod, whatever
// serves in it. They are joined to services by namespace and pod: $pods is the
// schema's query that says which pod serves which service.
//
// Sources: google/cadvisor docs/storage/prometheus.md (container_cpu_usage_seconds_total,
// container_memory_working_set_bytes, container_spec_cpu_quota, …_period; the
// kubelet adds namespace and pod, and sums of a pod have no container),
// kubernetes/kube-state-metrics docs/metrics/workload/pod-metrics.md
// (kube_pod_container_resource_limits).
var podSeries = []seriesEntry{
	{
		Name: mesh.Utilization, Unit: "ratio", Help: "Processor time as a share of the pod's limit; unknown where it has none",
		Needs: "cAdvisor's metrics with namespace and pod, which the kubelet serves under /metrics/cadvisor; and a CPU limit of the pod, from kube-state-metrics or cAdvisor",
		Query: `sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{container!="",container!="POD"}[$range]))
/ sum by (namespace, pod) (kube_pod_container_resource_limits{resource="cpu"}) * on (namespace, pod) group_right () ($pods)
or sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{container!="",container!="POD"}[$range]))
/ sum by (namespace, pod) (container_spec_cpu_quota{container!="",container!="POD"} / container_spec_cpu_period) * on (namespace, pod) group_right () ($pods)`,
	},
	{
		Name: mesh.CPU, Unit: "cores", Help: "Processor time of the pod's containers",
		Needs: "cAdvisor's metrics with namespace and pod, which the kubelet serves under /metrics/cadvisor",
		Query: `sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{container!="",container!="POD"}[$range])) * on (namespace, pod) group_right () ($pods)`,
	},
	{
		Name: mesh.Memory, Unit: "bytes", Help: "Working set of the pod's containers",
		Needs: "cAdvisor's metrics with namespace and pod, which the kubelet serves under /metrics/cadvisor",
		Query: `sum by (namespace, pod) (container_memory_working_set_bytes{container!="",container!="POD"}) * on (namespace, pod) group_right () ($pods)`,
	},
	{
		Name: mesh.Up, Help: "1 while the pod answers its scrapes",
		Needs: "a scrape of the pod itself, with the labels namespace and pod",
		// Targets that are no pods are left out: they have the pod "".
		Query: `(max by (namespace, pod) (up) unless on (pod) vector(1)) * on (namespace, pod) group_right () ($pods)`,
	},
}

// common reports whether a metric says of no technology that it is there: any
// pod, process or target has it.
func common(metric string) bool {
	return metric == "up" || strings.HasPrefix(metric, "container_") || strings.HasPrefix(metric, "kube_") || strings.HasPrefix(metric, "process_")
}

// addPods appends the pods' series that the schema does not have already. The
// alternatives of the pods' query become alternatives of theirs.
func (f *schemaFile) addPods(s *mesh.Schema) *misstep {
	if f.Pods == "" {
		return nil
	}
	if bad := checkQuery(f.Pods); bad != nil {
		bad.path = []any{"pods"}
		return bad
	}
	pods, err := parser.NewParser(parser.Options{}).ParseExpr(withRange(f.Pods, placeholder))
	if err != nil {
		return wrong(fmt.Errorf("pods: %w", err), "pods")
	}
	for _, in := range podSeries {
		if s.Index(in.Name) >= 0 {
			continue
		}
		var queries []string
		for _, way := range split(pods) {
			queries = append(queries, strings.ReplaceAll(in.Query, "$pods", withoutPlaceholder(way.String())))
		}
		in.Query = strings.Join(queries, "\nor ")
		made, err := f.series(in)
		if err != nil {
			return wrong(fmt.Errorf("pods: %w", err), "pods")
		}
		s.Series = append(s.Series, made)
	}
	return nil
}
