package prom_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// A dump of two pods, a schema of one query, and the windows that they give.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "metrics.om")
	if err := os.WriteFile(path, []byte(`# TYPE requests_total counter
requests_total{app="cart",pod="a"} 0 1000
requests_total{app="cart",pod="a"} 50 1010
requests_total{app="cart",pod="a"} 100 1020
requests_total{app="cart",pod="b"} 500 1000
requests_total{app="cart",pod="b"} 520 1010
requests_total{app="cart",pod="b"} 590 1020
# EOF
`), 0o600); err != nil {
		log.Fatal(err)
	}
	schema, err := prom.ParseSchema("shop.yaml", []byte(`
name: shop
labels: {service: app, endpoint: pod}
step: 10s
range: 20s
series:
  - {name: request_rate, unit: 1/s, query: 'sum by (app, pod) (rate(requests_total[$range]))'}
`))
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	dump, err := prom.Open(ctx, path)
	if err != nil {
		log.Fatal(err)
	}
	defer dump.Close()
	timing := mesh.Timing{Step: schema.Step, Range: schema.Range, Delay: dump.ScrapeInterval()}
	for w, err := range prom.Windows(ctx, dump, schema, dump.Query(timing)) {
		if err != nil {
			log.Fatal(err)
		}
		for i, e := range w.Endpoints {
			fmt.Printf("%s %s/%s: %.1f requests/s\n", w.Time.UTC().Format(time.TimeOnly), w.Service, e.Name, w.At(i, mesh.RequestRate))
		}
	}
	// Output:
	// 00:17:10 cart/a: 5.0 requests/s
	// 00:17:10 cart/b: 7.0 requests/s
}
