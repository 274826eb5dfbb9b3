package haproxy

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// BenchmarkHAProxy is the time of a request through a real HAProxy, one after the
// other, by itself and where it asks for each.
func BenchmarkHAProxy(b *testing.B) {
	b.Run("alone", func(b *testing.B) {
		front, _ := listening(b, "", "    balance roundrobin\n", "", "")
		requests(b, front)
	})
	b.Run("spoe", func(b *testing.B) {
		table := newTable(b)
		publish(table, 0.5, 0.3, 0.2)
		_, _, address, _ := agentOf(b, table, "127.0.0.1:0")
		front, socket := asking(b, address, "20ms")
		agentUp(b, socket, "UP")
		requests(b, front)
	})
}

func requests(b *testing.B, front string) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		answer, err := client.Get("http://" + front + "/")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}
