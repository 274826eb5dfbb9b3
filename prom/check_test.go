package prom

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestCheckNamesWhatIsMissing(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x8
		errors_count{app="cart",pod="a"} 0+1x8
		error_total{app="cart",pod="a"} 0+1x8
		process_memory_bytes{app="cart",pod="a"} 0+1x8
		up{app="cart",pod="a"} 1x8`)
	got, err := Check(t.Context(), d, shop(t))
	want := []Missing{
		{"error_ratio", "errors_total", []string{"error_total", "errors_count", "requests_total"}},
		{"memory_bytes", "memory_bytes", []string{"process_memory_bytes"}},
		{"age_seconds", "memory_bytes", []string{"process_memory_bytes"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	const sentence = "error_ratio asks for errors_total, which does not exist; there is error_total, errors_count, requests_total"
	if got[0].String() != sentence {
		t.Error(got[0])
	}
}

func TestSchemaOfWhichNothingExists(t *testing.T) {
	d := situation(t, `temperature_celsius{room="kitchen"} 20x8`)
	_, err := Check(t.Context(), d, shop(t))
	var misfit *Misfit
	if !errors.As(err, &misfit) || len(misfit.Missing) != 6 {
		t.Fatalf("error %v", err)
	}
	const first = "schema shop does not fit: none of its metrics exists\n  request_rate asks for requests_total, which does not exist\n"
	if !strings.HasPrefix(err.Error(), first) {
		t.Error(err)
	}
	if !strings.Contains(err.Error(), "\nthere are temperature_celsius\n") {
		t.Errorf("%v: want what exists instead", err)
	}
	for _, e := range Windows(t.Context(), d, shop(t), at(60)) {
		if diff := cmp.Diff(err.Error(), e.Error()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDetect(t *testing.T) {
	haproxy := `
		haproxy_server_http_responses_total{proxy="be",server="b1",code="2xx"} 0+1x8
		haproxy_server_current_sessions{proxy="be",server="b1"} 0+1x8
		haproxy_server_current_queue{proxy="be",server="b1"} 0+1x8
		haproxy_server_limit_sessions{proxy="be",server="b1"} NaN NaN NaN
		haproxy_server_total_time_average_seconds{proxy="be",server="b1"} 1x8
		haproxy_server_connection_errors_total{proxy="be",server="b1"} 0x8
		haproxy_server_response_errors_total{proxy="be",server="b1"} 0x8
		haproxy_server_status{proxy="be",server="b1",state="UP"} 1x8`
	lab := haproxy + `
		http_server_request_duration_seconds_sum{service="be",endpoint="b1"} 0+1x8
		http_server_request_duration_seconds_count{service="be",endpoint="b1"} 0+1x8
		http_server_request_duration_seconds_bucket{service="be",endpoint="b1",le="+Inf"} 0+1x8
		http_server_in_flight_requests{service="be",endpoint="b1"} 0+1x8
		http_server_workers_busy_seconds_total{service="be",endpoint="b1"} 0+1x8
		http_server_workers{service="be",endpoint="b1"} 0+1x8
		process_cpu_seconds_total{service="be",endpoint="b1"} 0+1x8
		process_resident_memory_bytes{service="be",endpoint="b1"} 0+1x8
		up{service="be",endpoint="b1",job="endpoints"} 1x8`
	for want, notation := range map[string]string{"haproxy": haproxy, "lab": lab} {
		if got, err := detect(t, situation(t, notation)); err != nil || got.Name != want {
			t.Errorf("%v, %v; want %s", got, err, want)
		}
	}
}

// detect asks for the schema of all that a dump holds.
func detect(t testing.TB, d *Dump) (*mesh.Schema, error) {
	t.Helper()
	start, end := d.Span()
	s, _, err := Detect(t.Context(), d, start, end)
	return s, err
}

func TestCheckOfABadQuery(t *testing.T) {
	d := situation(t, "up 1x8")
	s := &mesh.Schema{Name: "odd", Series: []mesh.Series{{Name: "up", Query: "up("}}}
	if _, err := Check(t.Context(), d, s); err == nil || !strings.Contains(err.Error(), "schema odd, series up: ") {
		t.Error(err)
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"", "abc"}: 3, {"kitten", "sitting"}: 3, {"abc", "abc"}: 0, {"ab", "ba"}: 2} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("distance%q is %d, want %d", pair, got, want)
		}
		if got := distance(pair[1], pair[0]); got != want {
			t.Errorf("distance%q is %d the other way round", pair, got)
		}
	}
}

// Of many metrics those are named of which a schema could be made, not those
// of Go's memory.
func TestWhatExistsBeginsWithRequests(t *testing.T) {
	have := []string{"app_http_requests_total", "cache_size_bytes"}
	for i := range 30 {
		have = append(have, fmt.Sprintf("go_memstats_%02d_bytes", i))
	}
	have = append(have, "process_open_fds", "shop_request_duration_seconds_bucket")
	got := existing(have)
	if want := "there are app_http_requests_total, shop_request_duration_seconds_bucket, cache_size_bytes, go_memstats_00_bytes, "; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ", and 14 more") {
		t.Errorf("%s\nwant %s…", got, want)
	}
}
