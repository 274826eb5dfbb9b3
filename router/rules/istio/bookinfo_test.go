package istio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

var (
	anybody = mesh.Request{Path: "/reviews/0", Method: "GET"}
	jason   = mesh.Request{Path: "/reviews/0", Method: "GET", Headers: map[string]string{"end-user": "jason"}}
	jasper  = mesh.Request{Path: "/reviews/0", Method: "GET", Headers: map[string]string{"end-user": "jasper"}}
)

func path(p string) mesh.Request { return mesh.Request{Path: p, Method: "GET", Host: "bookinfo.com"} }

// walks are requests to Istio's bookinfo, one by one, and where its documentation
// says that they go.
var walks = []struct {
	file, service string
	request       mesh.Request
	to            string // "" where no rule matches
}{
	{"virtual-service-all-v1", "productpage", anybody, "v1 100"},
	{"virtual-service-all-v1", "reviews", anybody, "v1 100"},
	{"virtual-service-all-v1", "reviews", jason, "v1 100"},
	{"virtual-service-all-v1", "ratings", anybody, "v1 100"},
	{"virtual-service-all-v1", "details", anybody, "v1 100"},
	{"virtual-service-reviews-test-v2", "reviews", jason, "v2 100"},
	{"virtual-service-reviews-test-v2", "reviews", jasper, "v1 100"},
	{"virtual-service-reviews-test-v2", "reviews", anybody, "v1 100"},
	{"virtual-service-reviews-jason-v2-v3", "reviews", jason, "v2 100"},
	{"virtual-service-reviews-jason-v2-v3", "reviews", jasper, "v3 100"},
	{"virtual-service-reviews-50-v3", "reviews", anybody, "v1 50, v3 50"},
	{"virtual-service-reviews-50-v3", "reviews", jason, "v1 50, v3 50"},
	{"virtual-service-reviews-80-20", "reviews", anybody, "v1 80, v2 20"},
	{"virtual-service-reviews-90-10", "reviews", anybody, "v1 90, v2 10"},
	{"virtual-service-reviews-test-v2-timeout", "reviews", anybody, "v2 100"},
	{"virtual-service-ratings-test-delay", "ratings", jason, "v1 100"},
	{"virtual-service-ratings-test-delay", "ratings", anybody, "v1 100"},
	{"bookinfo-gateway", "*", path("/productpage"), "productpage: 100"},
	{"bookinfo-gateway", "*", path("/productpage/1"), ""},
	{"bookinfo-gateway", "*", path("/static/jquery.js"), "productpage: 100"},
	{"bookinfo-gateway", "*", path("/login"), "productpage: 100"},
	{"bookinfo-gateway", "*", path("/logout"), "productpage: 100"},
	{"bookinfo-gateway", "*", path("/logouts"), ""},
	{"bookinfo-gateway", "*", path("/api/v1/products/0/reviews"), "productpage: 100"},
	{"bookinfo-gateway", "*", path("/"), ""},
}

// told writes targets as a person would: "v1 90, v2 10", "productpage: 100".
func told(to []rules.Target) string {
	var parts []string
	for _, target := range to {
		text := fmt.Sprintf("%s %g", target.Subset, target.Weight)
		if target.Service != "" {
			text = strings.TrimSpace(fmt.Sprintf("%s:%s %g", target.Service, target.Subset, target.Weight))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func TestBookinfo(t *testing.T) {
	sets := map[string]*rules.Set{}
	for _, walk := range walks {
		set := sets[walk.file]
		if set == nil {
			services, _ := translated(t, "testdata/bookinfo/destination-rule-all.yaml", "testdata/bookinfo/"+walk.file+".yaml")
			set = compile(t, services)
			sets[walk.file] = set
		}
		matcher, got := set.Service(walk.service), ""
		if i := matcher.Match(&walk.request, nil); i >= 0 {
			got = told(matcher.Service.Routes[i].To)
		}
		if got != walk.to {
			t.Errorf("%s: %s %v goes to %q, want %q", walk.file, walk.request.Path, walk.request.Headers, got, walk.to)
		}
	}
	timeout := sets["virtual-service-reviews-test-v2-timeout"].Service("reviews").Service.Routes[0].Timeout
	if timeout != 500*time.Millisecond {
		t.Errorf("the timeout is %v", timeout)
	}
}

// TestBookinfoFindings: the delay is the proxy's, the abort is refused, and only the
// rules without mutual TLS are warned of.
func TestBookinfoFindings(t *testing.T) {
	_, findings := translated(t, "testdata/bookinfo/destination-rule-all-mtls.yaml", "testdata/bookinfo/virtual-service-ratings-test-delay.yaml")
	want := "testdata/bookinfo/virtual-service-ratings-test-delay.yaml:9: warning: delay is left to the proxy: fairway adds no delay"
	var all []string
	for _, f := range findings {
		all = append(all, f.String())
	}
	if diff := cmp.Diff([]string{want}, all); diff != "" {
		t.Error(diff)
	}
	_, _, err := Translate(read(t, "testdata/bookinfo/virtual-service-ratings-test-abort.yaml"))
	if got := lines(err); len(got) != 1 || !strings.Contains(got[0], "abort.yaml:9: abort is not supported") {
		t.Errorf("abort: %v", err)
	}
	_, findings = translated(t, "testdata/bookinfo/destination-rule-all.yaml")
	if len(findings) != 4 {
		t.Errorf("%d findings on rules without tls, want one for each: %v", len(findings), findings)
	}
}

// TestRealBookinfo translates Istio's own files, where they are at hand
// (samples/bookinfo/networking of istio/istio), and asks that ours say the same.
func TestRealBookinfo(t *testing.T) {
	directory := os.Getenv("FAIRWAY_BOOKINFO")
	if directory == "" {
		directory = "../../../../shared/bookinfo"
	}
	real, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(real) == 0 {
		t.Skipf("no files of Istio's bookinfo in %s; name their directory in FAIRWAY_BOOKINFO", directory)
	}
	compared := 0
	for _, theirs := range real {
		ours := filepath.Join("testdata/bookinfo", filepath.Base(theirs))
		if _, err := os.Stat(ours); err != nil {
			if _, _, err := Translate(read(t, theirs)); err != nil {
				t.Logf("%s: %v", theirs, err)
			}
			continue
		}
		want, _, wantErr := Translate(read(t, theirs))
		got, _, gotErr := Translate(read(t, ours))
		if (wantErr == nil) != (gotErr == nil) {
			t.Errorf("%s: theirs %v, ours %v", ours, wantErr, gotErr)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(rules.Service{}, "Where"), cmpopts.IgnoreFields(rules.Route{}, "Where"), cmpopts.IgnoreUnexported(rules.Pattern{})); diff != "" {
			t.Errorf("%s: %s", ours, diff)
		}
		compared++
	}
	t.Logf("%d of %d files have a counterpart of ours", compared, len(real))
}
