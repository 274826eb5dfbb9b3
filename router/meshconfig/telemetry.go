package meshconfig

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	telemetryapi "istio.io/api/telemetry/v1alpha1"
	telemetryv1 "istio.io/client-go/pkg/apis/telemetry/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reporting is how often is reported: of connections by the proxies themselves, of
// requests by the scrapes. Alerts are evaluated as often.
const reporting = 15 * time.Second

// worthLogging is which requests the access log keeps: failed ones and slow ones.
const worthLogging = "response.code >= 400 || request.duration > duration('100ms')"

// tags are what requests are counted and timed by, beside Istio's own labels. A host
// is none of them: who calls chooses it, and each is a series more.
var tags = map[string]string{
	"destination_port": "string(destination.port)",
	"request_method":   "request.method",
}

// telemetry is what the proxies of the namespace report.
func (c Config) telemetry() draft {
	return draft{
		kind: "Telemetry", namespace: c.Namespace, name: only,
		object: &telemetryv1.Telemetry{
			TypeMeta:   metav1.TypeMeta{APIVersion: "telemetry.istio.io/v1", Kind: "Telemetry"},
			ObjectMeta: meta(c.Namespace, only),
			Spec: telemetryapi.Telemetry{
				Metrics: []*telemetryapi.Metrics{{
					Providers:         []*telemetryapi.ProviderRef{{Name: "prometheus"}},
					Overrides:         []*telemetryapi.MetricsOverrides{tagged(telemetryapi.MetricSelector_REQUEST_COUNT), tagged(telemetryapi.MetricSelector_REQUEST_DURATION)},
					ReportingInterval: durationpb.New(reporting),
				}},
				AccessLogging: []*telemetryapi.AccessLogging{{
					Providers: []*telemetryapi.ProviderRef{{Name: "envoy"}},
					Filter:    &telemetryapi.AccessLogging_Filter{Expression: worthLogging},
				}},
			},
		},
		about: []string{
			"Requests are counted and timed by method and port too; those are logged that failed or",
			"took more than 100 ms. telemetry.istio.io/v1 wants Istio 1.22; before, it is v1alpha1.",
			"reportingInterval is of TCP connections only: of requests it is what Prometheus scrapes",
			"by, so let its scrape_interval be 15s as well. It and filter are not of Istio's stable",
			"channel: a cluster with stable-channel-default-policy.istio.io refuses them.",
			"An Istio that still wants tags listed in extraStatTags of its mesh config would give the",
			"metrics other names: list destination_port and request_method there first.",
			"A namespace may have one Telemetry without a selector.",
		},
	}
}

func tagged(metric telemetryapi.MetricSelector_IstioMetric) *telemetryapi.MetricsOverrides {
	o := &telemetryapi.MetricsOverrides{
		Match:        &telemetryapi.MetricSelector{MetricMatch: &telemetryapi.MetricSelector_Metric{Metric: metric}},
		TagOverrides: map[string]*telemetryapi.MetricsOverrides_TagOverride{},
	}
	for name, value := range tags {
		o.TagOverrides[name] = &telemetryapi.MetricsOverrides_TagOverride{Value: value} // of the operation UPSERT
	}
	return o
}
