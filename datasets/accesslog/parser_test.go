package accesslog

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/datasets"
)

const ms = time.Millisecond

func TestParsers(t *testing.T) {
	get := func(at, service, endpoint, path string, took time.Duration, status int) datasets.Request {
		return datasets.Request{Time: date(at), Service: service, Endpoint: endpoint, Method: "GET", Path: path, Latency: took, Status: status}
	}
	const reviews = "reviews.default.svc.cluster.local"
	for name, c := range map[string]struct {
		format, line string
		want         []datasets.Request
	}{
		"haproxy":      {"haproxy", haproxyLine, []datasets.Request{get("00:35:55.928", "shop", "s1", "/x", 109*ms, 200)}},
		"haproxy tls":  {"haproxy", haproxyLine + ` 0/0000000000000000/0/0/0 1wt.eu/TLSv1.3/TLS_AES_256_GCM_SHA384`, []datasets.Request{get("00:35:55.928", "shop", "s1", "/x", 109*ms, 200)}},
		"haproxy own":  {"haproxy-json", haproxyOwn, []datasets.Request{get("00:35:55.938", "shop", "s2", "/j", 21*ms, 200)}},
		"haproxy 3":    {"haproxy-json", haproxy3, []datasets.Request{get("00:35:55.766", "shop", "s1", "/index.html", 51*ms, 404)}},
		"nested":       {"haproxy-json", `{"time":1795739755.5,"name":{"backend":"shop","server":"s1"},"timers":{"tcp_session_duration":7},"response":{"status_code":200},"request":{"method":"GET","uri":"/n"}}`, []datasets.Request{get("00:35:55.5", "shop", "s1", "/n", 7*ms, 200)}},
		"envoy":        {"envoy", envoyLine, []datasets.Request{get("00:35:55.766", "shop:80", "10.0.0.1:8080", "/x", 12*ms, 200)}},
		"istio":        {"envoy", istioLine, []datasets.Request{get("00:35:55.766", reviews, "172.17.0.16:9080", "/reviews/0", 78*ms, 200)}},
		"old istio":    {"envoy", strings.Replace(istioLine, `- via_upstream - "-" 0`, `- "-" "-" 0`, 1), []datasets.Request{get("00:35:55.766", reviews, "172.17.0.16:9080", "/reviews/0", 78*ms, 200)}},
		"istio json":   {"envoy-json", istioJSONLine, []datasets.Request{get("00:35:55.766", reviews, "172.17.0.16:9080", "/reviews/0", 78*ms, 200)}},
		"all in text":  {"envoy-json", strings.NewReplacer(`"duration":78`, `"duration":"78"`, `200`, `"200"`).Replace(istioJSONLine), []datasets.Request{get("00:35:55.766", reviews, "172.17.0.16:9080", "/reviews/0", 78*ms, 200)}},
		"broken off":   {"envoy", strings.Replace(envoyLine, "200 -", "200 UC", 1), []datasets.Request{get("00:35:55.766", "shop:80", "10.0.0.1:8080", "/x", 12*ms, 0)}},
		"left":         {"envoy", strings.Replace(envoyLine, "200 -", "0 DC", 1), []datasets.Request{get("00:35:55.766", "shop:80", "10.0.0.1:8080", "/x", 12*ms, 0)}},
		"odd agent":    {"envoy", strings.Replace(istioLine, `curl/7.52.1`, `" "x" "10.6.6.6:80" a b c d e f g h "`, 1), []datasets.Request{get("00:35:55.766", reviews, "172.17.0.16:9080", "/reviews/0", 78*ms, 200)}},
		"timeout":      {"envoy", strings.Replace(envoyLine, "200 -", "504 UT", 1), []datasets.Request{get("00:35:55.766", "shop:80", "10.0.0.1:8080", "/x", 12*ms, 504)}},
		"traefik":      {"traefik", traefikLine, []datasets.Request{get("00:35:55.766123456", "shop@docker", "10.0.0.1:80", "/x", 48321*time.Microsecond, 200)}},
		"traefik url":  {"traefik", strings.NewReplacer(`"ServiceAddr":"10.0.0.1:80",`, "", `{"Scheme":"http","Host":"10.0.0.1:80"}`, `"http://10.0.0.1:80"`).Replace(traefikLine), []datasets.Request{get("00:35:55.766123456", "shop@docker", "10.0.0.1:80", "/x", 48321*time.Microsecond, 200)}},
		"nginx":        {"nginx", nginxLine, []datasets.Request{get("00:35:55.766", "shop", "10.0.0.1:80", "/x", 34*ms, 502), get("00:35:55.8", "shop", "10.0.0.2:80", "/x", 200*ms, 200)}},
		"nginx json":   {"nginx-json", nginxJSONLine, []datasets.Request{get("00:35:55.8", "shop", "10.0.0.1:80", "/x", 199*ms, 200)}},
		"ingress":      {"nginx-ingress", ingressLine, []datasets.Request{get("00:35:55.8", "shop-web-80", "10.0.0.1:80", "/x", 100*ms, 502), get("00:35:55.9", "shop-web-80", "10.0.0.2:80", "/x", 100*ms, 200)}},
		"two groups":   {"nginx-json", strings.NewReplacer(`"10.0.0.1:80"`, `"unix:/tmp/a : [::1]:80"`, `0.199`, `0.050 : 0.150`, `"upstream_status":"200"`, `"upstream_status":"- : 200"`).Replace(nginxJSONLine), []datasets.Request{get("00:35:55.8", "shop", "unix:/tmp/a", "/x", 50*ms, 0), get("00:35:55.85", "shop", "[::1]:80", "/x", 150*ms, 200)}},
		"no statuses":  {"nginx-json", strings.NewReplacer(`"10.0.0.1:80"`, `"10.0.0.1:80, 10.0.0.2:80"`, `0.199`, `0.050, 0.150`, `"upstream_status":"200",`, ``).Replace(nginxJSONLine), []datasets.Request{get("00:35:55.8", "shop", "10.0.0.1:80", "/x", 50*ms, 0), get("00:35:55.85", "shop", "10.0.0.2:80", "/x", 150*ms, 200)}},
		"client left":  {"nginx-json", strings.NewReplacer(`"upstream_status":"200"`, `"upstream_status":"-"`, `"status":"200"`, `"status":"499"`).Replace(nginxJSONLine), []datasets.Request{get("00:35:55.8", "shop", "10.0.0.1:80", "/x", 199*ms, 0)}},
		"none is left": {"nginx-json", strings.NewReplacer(`"10.0.0.1:80"`, `"shop"`, `"0.199"`, `"0.000"`, `"upstream_status":"200"`, `"upstream_status":"502"`).Replace(nginxJSONLine), nil},
		"file":         {"nginx-json", strings.NewReplacer(`"10.0.0.1:80"`, `"-"`, `"0.199"`, `"-"`, `"upstream_status":"200"`, `"upstream_status":""`).Replace(nginxJSONLine), nil},
		"no server":    {"haproxy", strings.NewReplacer("shop/s1", "shop/<NOSRV>", "10/0/30/69/109 200", "0/-1/-1/-1/0 503", "----", "SC--").Replace(haproxyLine), nil},
		"bad request":  {"haproxy", strings.NewReplacer("shop/s1", "in/<NOSRV>", "10/0/30/69/109 200", "-1/-1/-1/-1/-1 -1", "GET /x?y=1 HTTP/1.1", "<BADREQ>").Replace(haproxyLine), nil},
		"no host":      {"envoy", strings.NewReplacer("200 -", "503 UH", `"10.0.0.1:8080"`, `"-"`).Replace(envoyLine), nil},
		"no router":    {"traefik", `{"DownstreamStatus":404,"Duration":66095,"OriginDuration":0,"RequestMethod":"GET","StartUTC":"2026-11-27T00:35:55Z"}`, nil},
		"no service":   {"csv", csvLine, nil}, // it is the head, then
	} {
		e, err := parsed(t, c.format, c.line)
		if name == "no service" {
			if err == nil {
				t.Errorf("%s: want an error", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, e.attempts, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestHAProxyStates maps what the status does not tell.
func TestHAProxyStates(t *testing.T) {
	for _, c := range []struct {
		state, status, retries string
		want, unnamed          int
	}{
		{"----", "200", "0", 200, 0},
		{"SD--", "200", "0", 0, 0}, // the server broke off
		{"sD--", "200", "0", 0, 0}, // or was too slow
		{"DD--", "200", "0", 0, 0}, // or went down
		{"CD--", "200", "0", 200, 0},
		{"CH--", "-1", "0", 0, 0}, // the client left before an answer
		{"sC--", "503", "3", 503, 0},
		{"SC--", "503", "3", 503, 0},
		{"sH--", "504", "0", 504, 0},
		{"SH--", "502", "0", 502, 0},
		{"----", "200", "1", 0, 0},    // only at the second attempt
		{"----", "200", "+1", 200, 1}, // another server did not answer
	} {
		line := strings.NewReplacer("----", c.state, "109 200", "109 "+c.status, "1/1/1/1/0", "1/1/1/1/"+c.retries).Replace(haproxyLine)
		e, err := parsed(t, "haproxy", line)
		if err != nil || len(e.attempts) != 1 || e.attempts[0].Status != c.want || e.unnamed != c.unnamed {
			t.Errorf("%+v: %+v, %v", c, e, err)
		}
	}
}

// TestBadLines says what is wrong.
func TestBadLines(t *testing.T) {
	for _, c := range []struct{ format, line, want string }{
		{"haproxy", `1.2.3.4:1 [27/Nov/2026:00:35:57.527] tcp tcpshop/s1 1/0/3 113 -- 1/1/0/0/0 0/0`, "TCP"},
		{"haproxy", `Connect from 10.0.1.2:1 to 10.0.3.1:8012 (www/HTTP)`, "option httplog"},
		{"haproxy", `Server shop/s1 is DOWN, reason: Layer4 connection problem`, "message about a server"},
		{"haproxy", haproxyLine[:len(haproxyLine)-3], "breaks off"},
		{"haproxy", haproxyLine[:120], "breaks off"},
		{"haproxy", strings.Replace(haproxyLine, "/109", "/NaN", 1), "not negative"},
		{"haproxy", strings.Replace(haproxyLine, "/109", "/-1", 1), "not negative"},
		{"haproxy", strings.Replace(haproxyLine, "/109", "/9999999999", 1), "duration"},
		{"haproxy", strings.Replace(haproxyLine, "27/Nov/2026", "27/Nov/1970", 1), "clock"},
		{"haproxy", strings.Replace(haproxyLine, "27/Nov/2026", "27/Nov/2150", 1), "clock"},
		{"haproxy", strings.Replace(haproxyLine, "27/Nov/2026", "99/Nov/2026", 1), "time"},
		{"haproxy", strings.Replace(haproxyLine, "109 200", "109 20", 1), "status"},
		{"haproxy", "hello", errAlien.Error()},
		{"haproxy-json", strings.Replace(haproxyOwn, `"server_name":"s2",`, "", 1), "%s as server_name"},
		{"haproxy-json", strings.Replace(haproxyOwn, `"Ta":21,`, "", 1), "%Ta"},
		{"haproxy-json", strings.Replace(haproxyOwn, `"Ta":21,`, `"Ta":-5,`, 1), "not negative"},
		{"haproxy-json", haproxyOwn[:50], "breaks off"},
		{"envoy", strings.Replace(istioLine, "GET /reviews/0 HTTP/1.1", "- - -", 1), "TCP"},
		{"envoy", envoyLine[:90], "breaks off"},
		{"envoy", istioLine[:strings.Index(istioLine, " outbound")], "breaks off"},
		{"envoy", envoyLine + " more", "of its own"},
		{"envoy", strings.Replace(envoyLine, " 12 11 ", " - 11 ", 1), "duration"},
		{"envoy", "[2026-11-27 00:00:00.123][1][info][main] starting", errAlien.Error()},
		{"envoy-json", strings.Replace(istioJSONLine, `"duration":78,`, "", 1), "duration"},
		{"envoy-json", istioJSONLine + "x", "follows"},
		{"envoy-json", strings.Replace(strings.Replace(istioJSONLine, `"authority":"reviews:9080",`, "", 1), `"upstream_cluster":"outbound|9080||reviews.default.svc.cluster.local",`, "", 1), "--service"},
		{"nginx", strings.Replace(nginxLine, "0.034, 0.200", "0.034", 1), "names 2 endpoints"},
		{"nginx", strings.Replace(nginxLine, "502, 200", "502", 1), "$upstream_status has 1"},
		{"nginx", strings.Replace(nginxLine, "1795739756.000", "-5", 1), "time"},
		{"nginx", nginxLine + " more", "goes on"},
		{"nginx", nginxLine[:60], "another log_format"},
		{"nginx-json", strings.Replace(nginxJSONLine, `"0.199"`, `"-1"`, 1), "not negative"},
		{"traefik", strings.Replace(traefikLine, "48321000", "-1", 1), "not negative"},
		{"traefik", strings.Replace(traefikLine, "2026-11-27T00:35:55.766", "2026-11-27Tx", 1), "time"},
	} {
		if e, err := parsed(t, c.format, c.line); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q gives %+v and the error %v; want one about %q", c.format, c.line, e.attempts, err, c.want)
		}
	}
}

// TestCSVKeepsPropensities: a log that knows them is not robbed of them.
func TestCSVKeepsPropensities(t *testing.T) {
	got, tally, err := all(t, DefaultConfig(), file(t, "r.csv", text(csvHead, csvLine, "1795739756,shop,,,,e2,,,0,", csvHead, "1795739757,shop,,,,e2,,x,0,", "1,2")))
	if err != nil || len(got) != 2 || got[0].Propensity != 0.25 || !math.IsNaN(got[1].Propensity) || got[0].Deadline != time.Second {
		t.Errorf("%+v, %v", got, err)
	}
	if sum := tally.Sum(); sum.Bad != 2 || sum.Lines != 4 || tally.First[0].Line != 5 || !strings.Contains(tally.First[0].Reason, "latency_seconds") {
		t.Errorf("%+v %v", sum, tally.First)
	}
}

func FuzzParsers(f *testing.F) {
	for name, lines := range sample {
		for line := range strings.Lines(lines) {
			f.Add(name, strings.TrimSuffix(line, "\n"))
		}
	}
	f.Add("nginx-ingress", `a - b [c] "d" 200 1 "" "" 1 0.1 [s] [] , : , : `)
	f.Add("haproxy-json", `{"a":{"b":{"c":[1,{}]}},"backend_name":null}`)
	f.Fuzz(func(t *testing.T, name, line string) {
		form, err := named(name)
		if err != nil {
			return
		}
		c := DefaultConfig()
		p, err := form.parser(&c)
		if err != nil {
			t.Fatal(err)
		}
		var e entry
		if name == "csv" {
			if err := p.parse(csvHead, &e); err != errHead {
				t.Fatal(err)
			}
		}
		err = p.parse(line, &e)
		for _, r := range e.attempts {
			if err == nil && (r.Endpoint == "" || r.Service == "" || r.Latency < 0 || r.Latency > longestRequest || r.Time.Before(earliest) || r.Time.After(latest.Add(longestRequest))) {
				t.Errorf("%s takes %+v of %q", name, r, line)
			}
			if s := r.Status; err == nil && s != 0 && (s < 100 || s > 999) {
				t.Errorf("%s takes the status %d of %q", name, s, line)
			}
		}
	})
}

// TestLongLines takes time in proportion to a line's length: a test that ends.
func TestLongLines(t *testing.T) {
	const n = 1 << 18
	for _, c := range []struct{ format, line string }{
		{"nginx", strings.Replace(nginxLine, "10.0.0.1:80, ", strings.Repeat("a, ", n), 1)},
		{"nginx", strings.Replace(nginxLine, "10.0.0.1:80, ", strings.Repeat(`a\" `, n), 1)},
		{"haproxy", strings.Repeat("[", n) + haproxyLine},
		{"envoy", strings.Replace(envoyLine, `"curl`, `"`+strings.Repeat(`a" `, n), 1)},
		{"haproxy-json", strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)},
		{"csv", strings.Repeat(`"",`, n)},
	} {
		if _, err := parsed(t, c.format, c.line); err == nil && c.format != "haproxy" && c.format != "envoy" {
			t.Errorf("%s takes a line of %d bytes", c.format, len(c.line))
		}
	}
}
