package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the files of deploy that are made from code")

const dashboardFile = "deploy/grafana/fairway.json"

// panel is one graph: what it shows, in which unit of Grafana's, and the
// queries with what each line is called.
type panel struct {
	title, unit, help string
	queries           [][2]string
}

// rows are the dashboard, top to bottom, three panels abreast.
var rows = []struct {
	title  string
	panels []panel
}{
	{"The mesh, as fairwayd sees it", []panel{
		{"Requests", "reqps", "What the metrics said of each service when they were last decided upon.", [][2]string{{`max by (service) (fairway_service_request_rate{service=~"$service"})`, "{{service}}"}}},
		{"Failed", "percentunit", "5xx, or no answer. The alert is at 5 % for a minute.", [][2]string{{`max by (service) (fairway_service_error_ratio{service=~"$service"})`, "{{service}}"}}},
		{"Latency", "s", "The p99 is that of the worst endpoint; the alert is at 1 s for a minute.", [][2]string{
			{`max by (service) (fairway_service_latency_p99_seconds{service=~"$service"})`, "p99 {{service}}"}, {`max by (service) (fairway_service_latency_mean_seconds{service=~"$service"})`, "mean {{service}}"}}},
	}},
	{"Decisions", []panel{
		{"Weights", "percentunit", "Part of a service's requests that an endpoint gets, before the rules split them.", [][2]string{{`max by (service, endpoint) (fairway_endpoint_weight{service=~"$service"})`, "{{service}} {{endpoint}}"}}},
		{"Who decides", "reqps", "Requests by who set the weights, and why that was not the model.", [][2]string{{`sum by (source, reason) (rate(fairway_decisions_total{service=~"$service"}[$__rate_interval]))`, "{{source}} {{reason}}"}}},
		{"Who sets the weights now", "short", "Services by source and reason.", [][2]string{{`count by (source, reason, policy, model) (max by (service, source, reason, policy, model) (fairway_service_info))`, "{{source}} {{reason}} {{policy}} {{model}}"}}},
		{"Health", "short", "Endpoints by what checks, traffic and forecast say of them together.", [][2]string{{`count by (service, state) (max by (service, endpoint, state) (fairway_endpoint_health{service=~"$service"}))`, "{{service}} {{state}}"}}},
		{"Ejected and drained", "short", "Endpoints that get no traffic, and those from which a forecast takes weight.", [][2]string{
			{`max by (service) (fairway_ejected_endpoints{service=~"$service"})`, "ejected {{service}}"}, {`max by (service) (fairway_drained_endpoints{service=~"$service"})`, "drained {{service}}"}}},
		{"Forecast", "percentunit", "Probability that an endpoint fails within the model's horizon.", [][2]string{{`max by (service, endpoint) (fairway_failure_probability{service=~"$service"})`, "{{service}} {{endpoint}}"}}},
	}},
	{"The service itself", []panel{
		{"Calls", "reqps", "", [][2]string{{`sum by (operation) (rate(fairway_requests_total[$__rate_interval]))`, "{{operation}}"},
			{`sum by (operation) (rate(fairway_stream_messages_sent_total[$__rate_interval]))`, "messages {{operation}}"}}},
		{"Calls that end otherwise than OK", "reqps", "", [][2]string{{`sum by (operation, grpc_status) (rate(fairway_requests_total{grpc_status!="OK"}[$__rate_interval]))`, "{{operation}} {{grpc_status}}"}}},
		{"Latency that it adds", "s", "From the arrival of a call's headers until its answer is made; of Route, from a message to its answer.", [][2]string{
			{`histogram_quantile(0.5, sum by (operation, le) (rate(fairway_request_duration_seconds_bucket{operation=~"Decide|DecideBatch"}[$__rate_interval])))`, "p50 {{operation}}"},
			{`histogram_quantile(0.99, sum by (operation, le) (rate(fairway_request_duration_seconds_bucket{operation=~"Decide|DecideBatch"}[$__rate_interval])))`, "p99 {{operation}}"},
			{`histogram_quantile(0.99, sum by (operation, le) (rate(fairway_stream_message_duration_seconds_bucket[$__rate_interval])))`, "p99 {{operation}}"}}},
		{"In flight", "short", "Calls that have begun and not ended, open streams among them.", [][2]string{{`sum by (operation) (fairway_requests_in_flight)`, "{{operation}}"}}},
		{"Dropped", "reqps", "Calls shed, and lines of log and journal that were lost.", [][2]string{
			{`sum by (operation) (rate(fairway_shed_total[$__rate_interval]))`, "shed {{operation}}"}, {`sum(rate(fairway_access_log_dropped_total[$__rate_interval]))`, "access log"},
			{`sum by (reason) (rate(fairway_journal_dropped_total[$__rate_interval]))`, "journal {{reason}}"}}},
		{"Outcomes reported", "reqps", "", [][2]string{{`sum by (result) (rate(fairway_reports_total[$__rate_interval]))`, "{{result}}"}}},
	}},
	{"The slow loop", []panel{
		{"Age of the metrics", "s", "When they were last decided upon.", [][2]string{{`max by (service) (fairway_metrics_age_seconds{service=~"$service"})`, "{{service}}"}}},
		{"Making a table", "s", "From the windows of a poll to the published table.", [][2]string{
			{`histogram_quantile(0.5, sum by (le) (rate(fairway_table_rebuild_seconds_bucket[$__rate_interval])))`, "p50"}, {`histogram_quantile(0.99, sum by (le) (rate(fairway_table_rebuild_seconds_bucket[$__rate_interval])))`, "p99"}}},
		{"Windows and errors", "reqps", "", [][2]string{{`sum(rate(fairway_windows_total[$__rate_interval]))`, "windows"}, {`sum(rate(fairway_poll_errors_total[$__rate_interval]))`, "poll errors"},
			{`sum(rate(fairway_window_errors_total[$__rate_interval]))`, "refused"}}},
		{"What is served", "short", "Versions, by how many daemons serve them.", [][2]string{{`count by (name, version) (fairway_model_info)`, "model {{name}} {{version}}"}, {`count by (version) (fairway_rules_info)`, "rules {{version}}"},
			{`count by (version, revision) (fairway_build_info)`, "fairwayd {{version}} {{revision}}"}}},
		{"Trials", "percentunit", "Share of the requests that try a change, and changes taken back.", [][2]string{{`max(fairway_trial_share)`, "share"}, {`sum by (subject) (increase(fairway_rollbacks_total[$__rate_interval]))`, "rolled back {{subject}}"}}},
		{"Processor, memory, goroutines", "short", "", [][2]string{{`rate(process_cpu_seconds_total{job=~".*fairwayd.*"}[$__rate_interval])`, "cores {{instance}}"},
			{`process_resident_memory_bytes{job=~".*fairwayd.*"} / 1e6`, "MB {{instance}}"}, {`go_goroutines{job=~".*fairwayd.*"}`, "goroutines {{instance}}"}}},
	}},
}

// dashboard is the JSON that Grafana (10 or newer) imports.
func dashboard() []byte {
	type object = map[string]any
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var panels []object
	y, id := 0, 0
	for _, row := range rows {
		id++
		panels = append(panels, object{"id": id, "type": "row", "title": row.title, "collapsed": false, "gridPos": object{"x": 0, "y": y, "w": 24, "h": 1}})
		y++
		for i, p := range row.panels {
			var targets []object
			for n, q := range p.queries {
				targets = append(targets, object{"refId": string(rune('A' + n)), "datasource": source, "expr": q[0], "legendFormat": q[1]})
			}
			id++
			panels = append(panels, object{
				"id": id, "type": "timeseries", "title": p.title, "description": p.help, "datasource": source, "targets": targets,
				"gridPos":     object{"x": i % 3 * 8, "y": y + i/3*8, "w": 8, "h": 8},
				"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0}, "overrides": []object{}},
				"options":     object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi"}},
			})
		}
		y += (len(row.panels) + 2) / 3 * 8
	}
	text, err := json.MarshalIndent(object{
		"uid": "fairway", "title": "fairway", "tags": []string{"fairway"}, "schemaVersion": 39, "editable": true, "refresh": "15s",
		"time": object{"from": "now-1h", "to": "now"}, "panels": panels,
		"templating": object{"list": []object{
			{"name": "datasource", "type": "datasource", "query": "prometheus"},
			{"name": "service", "type": "query", "datasource": source, "query": "label_values(fairway_service_info, service)", "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*"},
		}},
	}, "", " ")
	if err != nil {
		panic(err) // of literals
	}
	return append(text, '\n')
}

// TestDashboard: the file is what the rows say (go test -run TestDashboard
// -rewrite makes it anew), and a scrape has what they ask for.
func TestDashboard(t *testing.T) {
	kept(t, dashboardFile, dashboard())
	var file struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{}
	for _, p := range file.Panels {
		for _, q := range p.Targets {
			asked[q.Expr] = p.Title
		}
	}
	if len(asked) < 30 {
		t.Fatalf("only %d queries", len(asked))
	}
	answerable(t, asked)
}

// kept holds a file to what the code makes it.
func kept(t *testing.T, path string, want []byte) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says (%v): go test ./cmd/fairwayd -run %s -rewrite", path, err, t.Name())
	}
}
