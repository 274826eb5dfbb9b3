package meshconfig

import (
	"fmt"
	"maps"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The alerts: thresholds, the range that rates are taken over, and for how long one
// must be passed.
const (
	errorRatio   = "0.05"
	slow         = "1000" // milliseconds
	rateRange    = "1m"
	alertAfter   = monitoringv1.Duration("1m")
	evaluateEach = monitoringv1.Duration("15s") // as reporting
)

// serverFault are gRPC's statuses that are the fault of who answers; they come with an
// HTTP 200.
const serverFault = "2|4|12|13|14|15"

// prometheusRule alerts when a service fails or is slow, by what its callers' proxies
// and waypoints report: those alone see requests that reached nobody.
func (c Config) prometheusRule(s Service) draft {
	name := prefix + s.Name
	meta := meta(c.Namespace, name)
	maps.Copy(meta.Labels, c.RuleLabels)
	return draft{
		kind: "PrometheusRule", namespace: c.Namespace, name: name,
		object: &monitoringv1.PrometheusRule{
			TypeMeta:   metav1.TypeMeta{APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule"},
			ObjectMeta: meta,
			Spec: monitoringv1.PrometheusRuleSpec{Groups: []monitoringv1.RuleGroup{{
				Name: c.Namespace + "/" + name, Interval: pointer(evaluateEach),
				Rules: []monitoringv1.Rule{c.labelled(s, failing(c.host(s.Name))), c.labelled(s, slowly(c.host(s.Name)))},
			}}},
		},
		about: []string{
			"Alerts by the metrics of Istio's standard telemetry, as callers and waypoints report them.",
			"A failure is a 5xx, or a gRPC status that is the fault of who answered, which comes with a 200.",
			"Prometheus takes these rules where its ruleSelector chooses their labels (--rule-label).",
		},
	}
}

// labelled says of which service an alert is: Alertmanager routes by it, and rules of
// several services may stand in one file, where linters take those of equal labels for
// duplicates.
func (c Config) labelled(s Service, r monitoringv1.Rule) monitoringv1.Rule {
	r.Labels["namespace"], r.Labels["service"] = c.Namespace, s.Name
	return r
}

func pointer(d monitoringv1.Duration) *monitoringv1.Duration { return &d }

// failing alerts of a share of failed requests. Without requests there is no share, and
// without failures no alert.
func failing(host string) monitoringv1.Rule {
	all := fmt.Sprintf(`reporter=~"source|waypoint",destination_service=%q`, host)
	return alert("ServiceErrorRatio", "critical", fmt.Sprintf(`sum by (destination_service) (
  rate(istio_requests_total{%[1]s,response_code=~"5.."}[%[2]s])
  or
  rate(istio_requests_total{%[1]s,grpc_response_status=~%[3]q}[%[2]s])
)
/
sum by (destination_service) (
  rate(istio_requests_total{%[1]s}[%[2]s])
)
> %[4]s
`, all, rateRange, serverFault, errorRatio),
		"{{ $labels.destination_service }} fails {{ $value | humanizePercentage }} of its requests",
		"More than 5 % of the requests have failed for a minute.")
}

// slowly alerts of a slow tail. Native histograms stand in for classic ones where a
// Prometheus keeps those only.
func slowly(host string) monitoringv1.Rule {
	all := fmt.Sprintf(`reporter=~"source|waypoint",destination_service=%q`, host)
	return alert("ServiceLatencyP99", "warning", fmt.Sprintf(`(
  histogram_quantile(0.99, sum by (destination_service, le) (
    rate(istio_request_duration_milliseconds_bucket{%[1]s}[%[2]s])
  ))
  or
  histogram_quantile(0.99, sum by (destination_service) (
    rate(istio_request_duration_milliseconds{%[1]s}[%[2]s])
  ))
)
> %[3]s
`, all, rateRange, slow),
		`{{ $labels.destination_service }} takes {{ $value | printf "%.0f" }} ms for the slowest 1 % of its requests`,
		"More than 1 % of the requests have taken over a second for a minute.")
}

func alert(name, severity, expr, summary, description string) monitoringv1.Rule {
	return monitoringv1.Rule{
		Alert: name, Expr: intstr.FromString(expr), For: pointer(alertAfter),
		Labels:      map[string]string{"severity": severity},
		Annotations: map[string]string{"summary": summary, "description": description},
	}
}
