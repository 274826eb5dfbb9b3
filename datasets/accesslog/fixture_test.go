package accesslog

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// Lines as the technologies write them.
const (
	haproxyLine   = `Feb  6 12:14:14 lb haproxy[14389]: 10.0.1.2:33317 [27/Nov/2026:00:35:55.928] in~ shop/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /x?y=1 HTTP/1.1"`
	haproxyOwn    = `{"time":"27/Nov/2026:00:35:55.938","frontend":"in","backend_name":"shop","server_name":"s2","Ta":21,"status_code":200,"termination_state":"----","retries":"0","http_method":"GET","path":"/j?k"}`
	haproxy3      = `<134>1 2026-11-27T00:35:56Z - haproxy 266980 - - {"client_ip": "127.0.0.1", "client_port": 50516, "request_date": "27/Nov/2026:00:35:55.766", "fe_name_transport": "in", "be_name": "shop", "server_name": "s1", "time_request": 0, "time_wait": 0, "time_connect": 24, "time_response": 27, "time_active": 51, "status_code": 404, "bytes_read": 379, "termination_state_cookie": "----", "retries": "0", "http_request": "GET /index.html HTTP/1.1"}`
	envoyLine     = `[2026-11-27T00:35:55.766Z] "GET /x?y=1 HTTP/1.1" 200 - 0 178 12 11 "10.0.0.9, 10.0.0.8" "curl "odd"" "1c1c8e23" "shop:80" "10.0.0.1:8080"`
	istioLine     = `[2026-11-27T00:35:55.766Z] "GET /reviews/0 HTTP/1.1" 200 - via_upstream - "-" 0 375 78 77 "-" "curl/7.52.1" "899e918c" "reviews:9080" "172.17.0.16:9080" outbound|9080|v2|reviews.default.svc.cluster.local 172.17.0.11:58986 10.104.97.115:9080 172.17.0.11:42846 - default`
	istioJSONLine = `{"authority":"reviews:9080","bytes_received":0,"duration":78,"method":"GET","path":"/reviews/0","protocol":"HTTP/1.1","response_code":200,"response_code_details":"via_upstream","response_flags":"-","start_time":"2026-11-27T00:35:55.766Z","upstream_cluster":"outbound|9080||reviews.default.svc.cluster.local","upstream_host":"172.17.0.16:9080"}`
	nginxLine     = `10.0.1.2 - - [27/Nov/2026:00:35:56 +0000] "GET /x?y=1 HTTP/1.1" 200 17 "-" "curl" 1795739756.000 0.234 shop "10.0.0.1:80, 10.0.0.2:80" "0.034, 0.200" "502, 200"`
	nginxJSONLine = `{"msec":"1795739756.000","request_time":"0.200","upstream_addr":"10.0.0.1:80","upstream_response_time":"0.199","upstream_status":"200","status":"200","request":"GET /x HTTP/1.1","host":"shop"}`
	ingressLine   = `10.0.1.2 - - [27/Nov/2026:00:35:56 +0000] "GET /x HTTP/1.1" 200 17 "-" "curl" 87 0.200 [shop-web-80] [] 10.0.0.1:80, 10.0.0.2:80 0, 17 0.100, 0.100 502, 200 3c4a`
	traefikLine   = `{"ClientAddr":"172.17.0.1:39490","DownstreamStatus":200,"Duration":48321000,"OriginDuration":48200000,"OriginStatus":200,"RequestMethod":"GET","RequestPath":"/x?y","RetryAttempts":0,"RouterName":"web@docker","ServiceAddr":"10.0.0.1:80","ServiceName":"shop@docker","ServiceURL":{"Scheme":"http","Host":"10.0.0.1:80"},"StartUTC":"2026-11-27T00:35:55.766123456Z","level":"info","msg":"","time":"2026-11-27T00:35:55Z"}`
	csvHead       = `time,service,class,method,path,endpoint,propensity,latency_seconds,status,deadline_seconds`
	csvLine       = `1795739755.766,shop,light,GET,/,e1,0.25,0.0125,200,1`
)

// sample has a few lines of each format.
var sample = map[string]string{
	"haproxy": haproxyLine, "haproxy-json": haproxyOwn + "\n" + haproxy3, "envoy": envoyLine + "\n" + istioLine, "envoy-json": istioJSONLine,
	"nginx": nginxLine, "nginx-json": nginxJSONLine, "nginx-ingress": ingressLine, "traefik": traefikLine, "csv": csvHead + "\n" + csvLine,
}

func date(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, "2026-11-27T"+text+"Z")
	if err != nil {
		panic(err)
	}
	return at
}

// parsed is what a parser makes of one line.
func parsed(t *testing.T, name, line string) (entry, error) {
	t.Helper()
	f, err := named(name)
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	p, err := f.parser(&c)
	if err != nil {
		t.Fatal(err)
	}
	var e entry
	err = p.parse(line, &e)
	return e, err
}

// file writes a log.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// all reads logs to their end.
func all(t *testing.T, c Config, paths ...string) ([]datasets.Request, *Tally, error) {
	t.Helper()
	tally := &Tally{}
	var requests []datasets.Request
	for r, err := range Read(context.Background(), c, tally, paths...) {
		if err != nil {
			return requests, tally, err
		}
		requests = append(requests, r)
	}
	return requests, tally, nil
}

// haproxyAt is a line of a request that came at a second after midnight and
// took so many milliseconds.
func haproxyAt(second float64, ms int, server string) string {
	at := date("00:00:00").Add(time.Duration(math.Round(second*1000)) * time.Millisecond)
	return fmt.Sprintf(`1.2.3.4:1 [%s] in shop/%s 0/0/0/%d/%d 200 1 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/1.1"`, at.Format(haproxyDate), server, ms, ms)
}

func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
