package lab

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// What is kept of what the mesh says; the rest would only make the recording
// large.
var (
	keptOfEndpoints = []string{
		"http_server_.*",
		"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds",
		"go_goroutines",
	}
	keptOfHAProxy = []string{
		"haproxy_server_http_responses_total", "haproxy_server_current_sessions", "haproxy_server_current_queue",
		"haproxy_server_total_time_average_seconds", "haproxy_server_connection_errors_total",
		"haproxy_server_response_errors_total", "haproxy_server_weight", "haproxy_server_status",
		"haproxy_backend_http_responses_total", "haproxy_backend_current_sessions",
	}
)

type (
	scrapeJob struct {
		Name    string              `yaml:"job_name"`
		Params  map[string][]string `yaml:"params,omitempty"`
		Targets []scrapeTarget      `yaml:"static_configs"`
		Relabel []relabel           `yaml:"metric_relabel_configs"`
	}
	scrapeTarget struct {
		Targets []string          `yaml:"targets"`
		Labels  map[string]string `yaml:"labels,omitempty"`
	}
	relabel struct {
		From   []string `yaml:"source_labels,flow"`
		Regex  string   `yaml:"regex"`
		Action string   `yaml:"action"`
	}
)

// prometheusConfig scrapes every endpoint, and HAProxy at the given address unless
// that is empty. The labels that say who an endpoint is are given here, not by the
// process.
func prometheusConfig(services []Service, haproxy string, scrape time.Duration) (string, error) {
	name := []string{"__name__"}
	endpoints := scrapeJob{Name: "endpoints", Relabel: []relabel{
		{name, strings.Join(keptOfEndpoints, "|"), "keep"},
	}}
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
		for _, e := range s.Endpoints {
			endpoints.Targets = append(endpoints.Targets, scrapeTarget{
				Targets: []string{e.Address},
				Labels:  map[string]string{"service": s.Name, "endpoint": e.Name, "subset": e.Subset, "zone": e.Zone},
			})
		}
	}
	proxy := scrapeJob{
		Name:    "haproxy",
		Params:  map[string][]string{"scope": {"server", "backend"}},
		Targets: []scrapeTarget{{Targets: []string{haproxy}}},
		Relabel: []relabel{
			{name, strings.Join(keptOfHAProxy, "|"), "keep"},
			{[]string{"proxy"}, strings.Join(names, "|"), "keep"},
			{[]string{"code"}, "1xx|3xx|other", "drop"},
			{[]string{"state"}, "DOWN|MAINT|DRAIN|NOLB|UNKNOWN", "drop"},
		},
	}
	jobs := []scrapeJob{endpoints, proxy}
	if haproxy == "" {
		jobs = jobs[:1]
	}
	text, err := yaml.Marshal(map[string]any{
		"global": map[string]string{
			"scrape_interval": scrape.String(), "scrape_timeout": scrape.String(),
		},
		"scrape_configs": jobs,
	})
	return string(text), err
}
