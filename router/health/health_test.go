package health_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/router/health"
)

func TestJudge(t *testing.T) {
	bad := errors.New("refused")
	for _, test := range []struct {
		passed, failed int
		least          float64
		healthy        bool
		reason         string
	}{
		{3, 0, 1, true, ""},
		{2, 1, 1, false, "only 2/3 checks passed"},
		{2, 1, 0.666666667, true, ""},
		{1, 1, 0.5, true, ""},
		{1, 2, 0.5, false, "only 1/3 checks passed"},
		{0, 2, 0.1, false, "only 0/2 checks passed"},
		{0, 2, 0, true, ""},
		{0, 0, 1, true, ""},
	} {
		var results []health.Result
		for i := range test.passed + test.failed {
			r := health.Result{Name: fmt.Sprint("c", i)}
			if i >= test.passed {
				r.Err = bad
			}
			results = append(results, r)
		}
		v := health.Judge(results, test.least)
		if v.Healthy != test.healthy || v.Reason != test.reason || v.Passed != test.passed || v.Total != len(results) {
			t.Errorf("%+v: %+v", test, v)
		}
		if (v.Err != nil) != (test.failed > 0) || v.Err != nil && !errors.Is(v.Err, bad) {
			t.Errorf("%+v: error %v", test, v.Err)
		}
	}
}

// TestChecks asks real servers: one that is well, one that is ill, one gone.
func TestChecks(t *testing.T) {
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ill":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/moved":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}
	}))
	defer well.Close()
	address := strings.TrimPrefix(well.URL, "http://")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, state := grpc.NewServer(), grpchealth.NewServer()
	grpc_health_v1.RegisterHealthServer(server, state)
	state.SetServingStatus("ill", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { server.Stop(); <-served }()

	gone := porttest.Address(t)

	checks := []health.Check{
		health.TCP(address), health.HTTP(well.URL), health.HTTP(well.URL + "/moved"), health.GRPC(listener.Addr().String(), "", nil),
		health.TCP(gone), health.HTTP("http://" + gone), health.HTTP(well.URL + "/ill"), health.HTTP(":"),
		health.GRPC(listener.Addr().String(), "ill", nil), health.GRPC(listener.Addr().String(), "unknown", nil), health.GRPC(gone, "", nil),
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, r := range health.Run(ctx, checks) {
		if r.Name != checks[i].Name || (r.Err == nil) != (i < 4) {
			t.Errorf("%s: %v", r.Name, r.Err)
		}
	}
}

func TestChecksEndWithTheirContext(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(asked); <-over }))
	defer silent.Close()
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if r := health.Run(ctx, []health.Check{health.HTTP(silent.URL)}); !errors.Is(r[0].Err, context.Canceled) {
		t.Errorf("got %v", r[0].Err)
	}
}

func Example() {
	results := []health.Result{{Name: "tcp"}, {Name: "http", Err: errors.New("status 503")}, {Name: "grpc", Err: errors.New("not serving")}}
	v := health.Judge(results, 0.5)
	fmt.Println(v.Healthy, v.Reason)
	// Output: false only 1/3 checks passed
}
