package nginx

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// BenchmarkNginx is what a request takes over one connection: by nginx's own
// balancing, with weights from lua, and with a question to fairwayd each. They take
// turns, so that a noisy machine is fair to all.
func BenchmarkNginx(b *testing.B) {
	f := newFleet(b, 0.6, 0.3, 0.1)
	at, _ := daemon(b, "127.0.0.1:0", New(f, nil))
	names := []string{"own", "lua", "auth"}
	by := []proxied{start(b, "nginx-lua", f, ""), start(b, "nginx-lua", f, at), start(b, "nginx-auth", f, at)}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	took := make([][]time.Duration, len(by))
	for i := 0; b.Loop(); i++ {
		at := i % len(by)
		begun := time.Now()
		resp, err := client.Get("http://" + by[at].front + "/")
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body) // and the connection is used again
		resp.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
		took[at] = append(took[at], time.Since(begun))
	}
	for i, list := range took {
		slices.Sort(list)
		if n := len(list); n > 0 {
			b.ReportMetric(float64(list[n/2].Microseconds()), names[i]+"-p50-µs")
			b.ReportMetric(float64(list[n*99/100].Microseconds()), names[i]+"-p99-µs")
		}
	}
}
