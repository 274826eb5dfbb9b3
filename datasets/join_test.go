package datasets

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestJoinRequests gives a proxy's endpoints the names of the recording: by
// their own name, by the address that the metrics tell, and by that of the rules.
func TestJoinRequests(t *testing.T) {
	schema, err := prom.ParseSchema("x.yaml", []byte(`
name: x
labels: {service: service, endpoint: pod, address: address}
step: 10s
range: 30s
series: [{name: request_rate, query: 'sum by (service, pod, address) (rate(requests_total[$range]))'}]`))
	if err != nil {
		t.Fatal(err)
	}
	metrics := "# TYPE requests counter\n"
	for pod, address := range map[string]string{"a": "10.0.0.1:80", "b": "10.0.0.2:80", "10.0.0.3:80": ""} {
		for at := range 40 {
			metrics += fmt.Sprintf("requests_total{service=\"shop\",pod=%q,address=%q} %d %d\n", pod, address, at, 1000+5*at)
		}
	}
	path := filepath.Join(t.TempDir(), "x.om")
	if err := os.WriteFile(path, []byte(metrics+"# EOF\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenWith(t.Context(), path, schema)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	file, err := rules.Parse("rules.yaml", []byte("version: '1'\nservices: [{name: shop, endpoints: [{name: c, address: '10.0.0.3:80'}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	r.Identify = set.Identify
	bad := errors.New("bad")
	log := func(requests ...[2]string) iter.Seq2[Request, error] {
		return func(yield func(Request, error) bool) {
			for _, q := range requests {
				if !yield(Request{Service: q[0], Endpoint: q[1]}, nil) {
					return
				}
			}
			yield(Request{}, bad)
		}
	}
	want := []string{"a", "a", "b", "c", "c", "10.0.0.9:80", "10.0.0.1:80"}
	var joined Joined
	i := 0
	for q, err := range r.JoinRequests(t.Context(), log([2]string{"shop", "a"}, [2]string{"shop", "10.0.0.1:80"}, [2]string{"shop", "10.0.0.2:80"},
		[2]string{"shop", "c"}, [2]string{"shop", "10.0.0.3:80"}, [2]string{"shop", "10.0.0.9:80"}, [2]string{"other", "10.0.0.1:80"}), &joined) {
		if err != nil {
			if !errors.Is(err, bad) {
				t.Error(err)
			}
			continue
		}
		if q.Endpoint != want[i] {
			t.Errorf("request %d is of %s; want %s", i, q.Endpoint, want[i])
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d requests; want %d", i, len(want))
	}
	if joined.Requests != len(want) || len(joined.Strangers) != 2 || joined.Strangers["shop/10.0.0.9:80"] != 1 || joined.Strangers["other/10.0.0.1:80"] != 1 {
		t.Errorf("joined %+v; want one stranger of shop and one of other", joined)
	}
}
