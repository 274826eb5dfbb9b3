package api_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/journal"
	"github.com/fairway-mesh/fairway/router/rules"
)

// good is a report that everything may be said of.
func good() *fairwayv1.OutcomeReport {
	return &fairwayv1.OutcomeReport{
		Service: "reviews", Endpoint: "r1", Status: 200, Latency: durationpb.New(time.Millisecond), InFlight: 3,
		Propensity: 0.5, Time: timestamppb.Now(), Deadline: durationpb.New(time.Second), Class: "gold", Method: "GET", Path: "/a", Route: "split",
	}
}

// TestReportsThatMakeNoSense: each is counted by what is wrong, and the stream
// goes on.
func TestReportsThatMakeNoSense(t *testing.T) {
	day := 25 * time.Hour
	cases := map[string][]func(*fairwayv1.OutcomeReport){
		"ok": {
			func(*fairwayv1.OutcomeReport) {},
			func(r *fairwayv1.OutcomeReport) { r.Latency, r.Deadline, r.Time, r.Propensity = nil, nil, nil, 0 },
			func(r *fairwayv1.OutcomeReport) { r.Propensity, r.Status = 1, 100 },
			func(r *fairwayv1.OutcomeReport) { r.Time = timestamppb.New(time.Now().Add(50 * time.Second)) },
			func(r *fairwayv1.OutcomeReport) { r.Time = timestamppb.New(time.Now().Add(-59 * time.Minute)) },
		},
		"failed": {
			func(r *fairwayv1.OutcomeReport) { r.Status = 0 },
			func(r *fairwayv1.OutcomeReport) { r.Status = 599 },
		},
		"latency": {
			func(r *fairwayv1.OutcomeReport) { r.Latency = durationpb.New(-1) },
			func(r *fairwayv1.OutcomeReport) { r.Latency = durationpb.New(day) },
			func(r *fairwayv1.OutcomeReport) { r.Latency = &durationpb.Duration{Seconds: math.MaxInt64} },
			func(r *fairwayv1.OutcomeReport) { r.Latency = &durationpb.Duration{Seconds: 1, Nanos: -1} },
		},
		"deadline": {func(r *fairwayv1.OutcomeReport) { r.Deadline = durationpb.New(-1) }},
		"status": {
			func(r *fairwayv1.OutcomeReport) { r.Status = -1 },
			func(r *fairwayv1.OutcomeReport) { r.Status = 99 },
			func(r *fairwayv1.OutcomeReport) { r.Status = 600 },
		},
		"in_flight": {func(r *fairwayv1.OutcomeReport) { r.InFlight = -1 }},
		"propensity": {
			func(r *fairwayv1.OutcomeReport) { r.Propensity = -0.1 },
			func(r *fairwayv1.OutcomeReport) { r.Propensity = 1.1 },
			func(r *fairwayv1.OutcomeReport) { r.Propensity = math.NaN() },
			func(r *fairwayv1.OutcomeReport) { r.Propensity = math.Inf(1) },
		},
		"time": {
			func(r *fairwayv1.OutcomeReport) { r.Time = timestamppb.New(time.Now().Add(2 * time.Minute)) },
			func(r *fairwayv1.OutcomeReport) { r.Time = timestamppb.New(time.Now().Add(-2 * time.Hour)) },
			func(r *fairwayv1.OutcomeReport) { r.Time = &timestamppb.Timestamp{} },
			func(r *fairwayv1.OutcomeReport) { r.Time = &timestamppb.Timestamp{Seconds: math.MaxInt64} },
			func(r *fairwayv1.OutcomeReport) { r.Time = &timestamppb.Timestamp{Seconds: math.MinInt64, Nanos: -5} },
		},
		"size": {func(r *fairwayv1.OutcomeReport) { r.Path = strings.Repeat("x", 70_000) }},
	}
	table := newTable(t, reviews)
	for result, changes := range cases {
		t.Run(result, func(t *testing.T) {
			client, _, reg := serve(t, table, nil)
			stream, err := client.Report(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, change := range changes {
				r := good()
				change(r)
				if err := stream.Send(r); err != nil {
					t.Fatal(err)
				}
			}
			sum, err := stream.CloseAndRecv()
			if err != nil {
				t.Fatal(err)
			}
			want := uint64(0)
			if result == "ok" || result == "failed" {
				want = uint64(len(changes))
			}
			if sum.Received != uint64(len(changes)) || sum.Accepted != want {
				t.Errorf("got %v; want %d of %d", sum, want, len(changes))
			}
			if n := counted(t, reg, result); n != float64(len(changes)) {
				t.Errorf("%v are counted as %s; want %d", n, result, len(changes))
			}
		})
	}
}

// counted is fairway_reports_total of reviews by result.
func counted(t testing.TB, reg *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "fairway_reports_total" {
			continue
		}
		for _, m := range f.Metric {
			if m.Label[0].GetValue() == result && m.Label[1].GetValue() == "reviews" {
				return m.Counter.GetValue()
			}
		}
	}
	return 0
}

// TestJournal: with a sample of 1 every pick that has an endpoint and every
// outcome that was taken is kept, and nothing else.
func TestJournal(t *testing.T) {
	cfg := journal.DefaultConfig()
	cfg.Stream, cfg.Sample = 1, 1
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	client, _, _ := serve(t, newTable(t, reviews), func(c *api.Config) { c.Journal = j })
	for _, service := range []string{"reviews", "nobody"} {
		if _, err := client.Decide(t.Context(), &fairwayv1.DecideRequest{Service: service}); err != nil {
			t.Fatal(err)
		}
	}
	if n := j.Stats().Appended; n != 1 {
		t.Errorf("%d picks are kept; want the 1 with an endpoint", n)
	}
	stream, err := client.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bad := good()
	bad.Status = 7
	for _, r := range []*fairwayv1.OutcomeReport{good(), bad} {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	if n := j.Stats().Appended; n != 2 {
		t.Errorf("%d entries are kept; want the pick and the outcome", n)
	}
}

// TestJournalNames: by whichever names of a service is asked and reported, it has one
// in the journal.
func TestJournalNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	cfg := journal.DefaultConfig()
	cfg.Stream, cfg.Sample = 1, 1
	j, err := journal.Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	table := newTable(t, "services: []")
	table.Know(discovery.NewSnapshot(1, []*discovery.Service{found("reviews", "here", "r1")}))
	client, _, _ := serve(t, table, func(c *api.Config) { c.Journal = j })
	stream, err := client.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"reviews", "reviews.here", "reviews.here.svc"} {
		if _, err := client.Decide(t.Context(), &fairwayv1.DecideRequest{Service: name}); err != nil {
			t.Fatal(err)
		}
		r := good()
		r.Service = name
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	if sum, err := stream.CloseAndRecv(); err != nil || sum.Accepted != 3 {
		t.Fatal(sum, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for r, err := range journal.Read(dir) {
		if err != nil {
			t.Fatal(err)
		}
		count[r.Service]++
	}
	if len(count) != 1 || count["reviews.here.svc"] != 6 {
		t.Errorf("services %v; want 6 entries of reviews.here.svc", count)
	}
}

// TestLoadsOfProxies: what proxies have in flight reaches the pickers, where it
// is newer than the metrics.
func TestLoadsOfProxies(t *testing.T) {
	table, measured := newTable(t, reviews), time.Unix(1e9, 0)
	table.Publish(&router.Decision{
		Service: "reviews", Time: measured, Endpoints: []mesh.Endpoint{{Name: "r1"}}, Weights: mesh.Weights{1}, Ejected: make([]bool, 1),
	}, &features.Frame{Window: mesh.Window{Service: "reviews", Time: measured, Schema: &mesh.Schema{Name: "none"}, Endpoints: []mesh.Endpoint{{Name: "r1"}}}})
	client, _, _ := serve(t, table, nil)
	for range 2 {
		stream, err := client.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(good()); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		watch, err := client.Watch(t.Context(), &fairwayv1.WatchRequest{Services: []string{"reviews"}})
		if err != nil {
			t.Fatal(err)
		}
		w, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if len(w.Loads) > 0 && w.Loads[0].Endpoint == "r1" && w.Loads[0].InFlight == 6 && w.Loads[0].At.AsTime().After(measured) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("loads are %v; want 6 in flight at r1", w.Loads)
		}
	}
}

// TestReportOfTheLineOnTrial: an endpoint that only the line on trial has is
// known, and one of neither line is not.
func TestReportOfTheLineOnTrial(t *testing.T) {
	table := newTable(t, reviews)
	file, err := rules.Parse("test.yaml", []byte("services: [{name: reviews, endpoints: [{name: r1}, {name: r9}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	table.Try(set, 0.5)
	client, _, _ := serve(t, table, nil)
	stream, err := client.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{"r1", "r3", "r9", "r8"} {
		r := good()
		r.Endpoint = endpoint
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	if sum, err := stream.CloseAndRecv(); err != nil || sum.Accepted != 3 {
		t.Errorf("%v, %v; want all but r8 accepted", sum, err)
	}
}
