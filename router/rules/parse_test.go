package rules

import (
	"os"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestRefusals says, for each mistake, the line and what to write instead.
func TestRefusals(t *testing.T) {
	service := func(lines ...string) string {
		return "services:\n  - name: s\n" + strings.Join(lines, "\n")
	}
	for _, test := range []struct{ name, text, want string }{
		{"not YAML", "services:\n  - name: [", "r.yaml:2: this is not YAML"},
		{"two documents", "version: 1\n---\nversion: 2\n", "r.yaml:2: a second document begins"},
		{"a list", "- a\n", "r.yaml:1: the file is a list; write its fields: classes, services, version"},
		{"unknown field", "serivces: []\n", `r.yaml:1: unknown field "serivces" in the file; use one of classes, services, version`},
		{"unknown nested field", service("    routes:", "      - {name: a, timeuot: 3s}"), `r.yaml:4: unknown field "timeuot" in a route; use one of criteria, match,`},
		{"key twice", service("    name: t"), `r.yaml:3: "name" stands twice in a service, first in line 2`},
		{"service twice", "services:\n  - name: s\n  - name: s\n", `r.yaml:3: service "s" stands twice, first in line 2; rename or remove one`},
		{"no name", "services:\n  - limits: {}\n", "r.yaml:2: a service has no name"},
		{"route twice", service("    routes:", "      - {name: a, match: {path: /}}", "      - {name: a}"), `r.yaml:5: route "a" stands twice, first in line 4`},
		{"endpoint twice", service("    endpoints:", "      - {name: a}", "      - {name: a}"), `r.yaml:5: endpoint "a" stands twice`},
		{"class twice", "classes:\n  - {name: a}\n  - {name: a}\n", `r.yaml:3: class "a" stands twice`},
		{"sum", service("    routes:", "      - name: a", "        to:", "          - {subset: v1, weight: 90}", "          - {subset: v2, weight: 20}"), "r.yaml:6: weights sum to 110; make them sum to 100"},
		{"mixed", service("    routes:", "      - name: a", "        to: [{subset: v1, weight: 90}, {subset: v2, weight: auto}]"), "r.yaml:5: numbers and auto are mixed"},
		{"some bare", service("    routes:", "      - name: a", "        to: [{subset: v1, weight: 90}, v2]"), "r.yaml:5: 1 of 2 subsets have no weight"},
		{"subset twice", service("    routes:", "      - name: a", "        to: [{subset: v1, weight: 90}, {subset: v1, weight: 10}]"), `r.yaml:5: subset "v1" stands twice in a route`},
		{"all and one", service("    routes:", "      - name: a", "        to: [{weight: 90}, {subset: v1, weight: 10}]"), "r.yaml:5: a target without a subset means all endpoints"},
		{"empty to", service("    routes:", "      - name: a", "        to: []"), "r.yaml:5: to names no subset"},
		{"negative weight", service("    routes:", "      - name: a", "        to: [{subset: v1, weight: -1}]"), `r.yaml:5: weight (in percent, or auto) is "-1"; write a number from 0 to 100`},
		{"unknown subset", service("    endpoints: [{name: a, subset: v1}]", "    routes:", "      - {name: a, to: v3}"), `r.yaml:5: route "a" goes to subset "v3", which no endpoint of service "s" is in; use one of v1`},
		{"never reached", service("    routes:", "      - {name: a}", "      - {name: b, match: {path: /}}"), `r.yaml:5: route "b" is never reached: route "a" at r.yaml:4 takes every request; put that one last`},
		{"nothing left", service("    routes:", "      - {name: a, match: {path: {prefix: /}}}", "      - {name: b, match: {path: /x, method: GET}}"), `r.yaml:5: route "b" is never reached: route "a" at r.yaml:4 takes all requests with path prefix "/"; put that one after it, or remove one`},
		{"regex", service("    routes:", "      - name: a", "        match: {path: {regex: \"(\"}}"), `r.yaml:5: regex of path is "(": error parsing regexp`},
		{"two ways", service("    routes:", "      - name: a", "        match: {path: {regex: a, exact: b}}"), "r.yaml:5: path is compared in 2 ways"},
		{"no way", service("    routes:", "      - name: a", "        match: {headers: {a: {}}}"), `r.yaml:5: header "a" is compared in 0 ways`},
		{"empty value", service("    routes:", "      - name: a", "        match:", "          headers: {a: }"), `r.yaml:6: header "a" is empty; write its fields`},
		{"present", service("    routes:", "      - name: a", "        match: {headers: {a: {present: yes}}}"), `r.yaml:5: present of header "a" is "yes"; write true or false`},
		{"duration", service("    routes:", "      - {name: a, timeout: 3}"), `r.yaml:4: timeout is "3"; write a duration with its unit, such as 300ms or 3s`},
		{"negative duration", service("    objective: {deadline: -3s}"), `r.yaml:3: deadline is "-3s"`},
		{"retries", service("    routes:", "      - {name: a, retries: 1.5}"), `r.yaml:4: retries is "1.5"; write a whole number from 0 to 100`},
		{"criterion", service("    routes:", "      - {name: a, criteria: {p95: <3ms}}"), `r.yaml:4: criterion "p95" is not known; use one of mean, p50, p90, p99`},
		{"no comparison", service("    routes:", "      - {name: a, criteria: {p99: 3ms}}"), `r.yaml:4: criterion p99 is "3ms"; begin it with <, <=, > or >=, as in <200ms`},
		{"percent", service("    routes:", "      - {name: a, criteria: {error_ratio: <5}}"), `r.yaml:4: criterion error_ratio is "<5"; a ratio lies between 0 and 1`},
		{"no unit", service("    routes:", "      - {name: a, criteria: {p99: <3}}"), `r.yaml:4: criterion p99 is "<3"; write it as in <200ms`},
		{"NaN", service("    routes:", "      - {name: a, criteria: {in_flight: <NaN}}"), `r.yaml:4: criterion in_flight is "<NaN"`},
		{"limits", service("    limits: {step: 2}"), `r.yaml:3: step is "2"; write a number from 0.001 to 1`},
		{"locality of nowhere", service("    locality: {remote: 5ms}"), "r.yaml:3: locality has no zone; write that of the proxies, such as zone: a"},
		{"locality for free", service("    locality: {zone: a}"), "r.yaml:3: locality costs nothing; write what a request to another zone costs, such as remote: 5ms"},
		{"locality without unit", service("    locality: {zone: a, remote: 5}"), `r.yaml:3: remote is "5"; write a duration with its unit, such as 300ms or 3s`},
		{"negative locality", service("    locality:", "      zone: a", "      zones: {b: -2ms}"), `r.yaml:5: cost of zone b is "-2ms"; write a duration`},
		{"locality as a wall", service("    locality: {zone: a, remote: 2h}"), "r.yaml:3: remote is 2h0m0s; write at most 1m0s per request"},
		{"zones as a list", service("    locality: {zone: a, zones: [b]}"), "r.yaml:3: zones is a list; write a cost for each zone, such as {b: 2ms, c: 20ms}"},
		{"nobody is near", service("    locality: {zone: c, remote: 5ms}", "    endpoints: [{name: x, zone: a}, {name: y, zone: b}]"), `r.yaml:3: no endpoint of service "s" is in zone "c", so all are remote; use one of a, b, or give`},
		{"unknown zone", service("    endpoints: [{name: x, zone: a}, {name: y, zone: b}]", "    locality: {zone: a, zones: {bb: 5ms}}"), `r.yaml:4: locality has a cost for zone "bb", which no endpoint of service "s" is in; use one of a, b`},
		{"no checks", service("    health: {interval: 3s}"), "r.yaml:3: health has no checks; write at least one, such as checks: [{tcp: {}}]"},
		{"unknown check", service("    health: {checks: [{icmp: {}}]}"), `r.yaml:3: unknown check "icmp"; use one of tcp, http, grpc`},
		{"check without kind", service("    health: {checks: [{}]}"), "r.yaml:3: a check has 0 kinds; write each as an entry of its own"},
		{"two kinds", service("    health: {checks: [{tcp: {}, grpc: {}}]}"), "r.yaml:3: a check has 2 kinds"},
		{"check is text", service("    health: {checks: [tcp]}"), `r.yaml:3: a check is "tcp"; write its kind, such as {http: {path: /healthz}}`},
		{"field of another", service("    health: {checks: [{tcp: {path: /}}]}"), `r.yaml:3: unknown field "path" in tcp; use one of port`},
		{"port", service("    health: {checks: [{tcp: {port: 70000}}]}"), `r.yaml:3: port is "70000"; write a whole number from 1 to 65535`},
		{"path", service("    health: {checks: [{http: {path: healthz}}]}"), `r.yaml:3: path is "healthz"; write one that begins with /`},
		{"path of no URL", service("    health: {checks: [{http: {path: /a%zz}}]}"), `r.yaml:3: path is "/a%zz"; write one that begins with /`},
		{"slow check", service("    health: {checks: [{tcp: {}}], interval: 1s, timeout: 2s}"), "r.yaml:3: timeout is 2s and interval 1s; write a timeout that is no longer than the interval"},
		{"hasty check", service("    health: {checks: [{tcp: {}}], interval: 1ms, timeout: 1ms}"), "r.yaml:3: interval is 1ms; write at least 100ms"},
		{"no minimum", service("    health: {checks: [{tcp: {}}], minimum_healthy: 0}"), `minimum_healthy is 0, which no endpoint can fail; write more than 0, at most 1`},
		{"minimum", service("    health: {checks: [{tcp: {}}], minimum_healthy: 50}"), `r.yaml:3: minimum_healthy is "50"; write a number from 0 to 1`},
		{"fall", service("    health: {checks: [{tcp: {}}], fall: 0}"), `r.yaml:3: fall is "0"; write a whole number from 1 to 100`},
		{"address", service("    endpoints: [{name: a, address: here}]"), `r.yaml:3: address is "here"; write host:port`},
		{"not twice", service("    routes:", "      - name: a", "        match: {path: {not: {not: /a}}}"), `r.yaml:5: unknown field "not" in not of path; use one of exact, ignore_case, path_prefix`},
		{"not and exact", service("    routes:", "      - name: a", "        match: {path: {not: /a, exact: /b}}"), "r.yaml:5: path is compared in 2 ways"},
		{"not of nothing", service("    routes:", "      - name: a", "        match: {path: {not: {}}}"), "r.yaml:5: not of path is compared in 0 ways"},
		{"case alone", service("    routes:", "      - name: a", "        match: {path: {ignore_case: true}}"), "r.yaml:5: path is compared in 0 ways"},
		{"case of a regex", service("    routes:", "      - name: a", "        match: {path: {regex: /a, ignore_case: true}}"), "r.yaml:5: path is a regex, which ignore_case is not for; begin the expression with (?i)"},
		{"case of presence", service("    routes:", "      - name: a", "        match: {headers: {a: {present: true, ignore_case: true}}}"), `r.yaml:5: ignore_case of header "a" has nothing to compare`},
		{"no path", service("    routes:", "      - name: a", "        match: {path: {path_prefix: a/b}}"), `r.yaml:5: path_prefix of path is "a/b"; write one that begins with /, or use prefix`},
		{"retry_on", service("    routes:", "      - {name: a, retries: 2, retry_on: '5xx, reset'}"), `r.yaml:4: retry_on is "5xx, reset"; write Envoy's conditions separated by commas, such as 5xx,connect-failure`},
		{"retry_on alone", service("    routes:", "      - {name: a, retry_on: 5xx}"), "r.yaml:4: retry_on says when to retry, and retries is 0; write retries: 2"},
		{"long try", service("    routes:", "      - {name: a, timeout: 1s, per_try_timeout: 2s}"), "r.yaml:4: per_try_timeout is 2s and timeout 1s; write one that is no longer"},
		{"own service", service("    routes:", "      - {name: a, to: [{service: s, subset: v1}]}"), `r.yaml:4: route "a" names its own service "s" as another; leave service out`},
		{"auto to another", service("    routes:", "      - name: a", "        to: [{subset: v1, weight: auto}, {service: t, weight: auto}]"), "r.yaml:5: weight: auto is for the subsets of the route's own service"},
		{"all and one of another", service("    routes:", "      - name: a", "        to: [{service: t, weight: 50}, {service: t, subset: v1, weight: 50}]"), "r.yaml:5: a target without a subset means all endpoints; it must be the only one of its service"},
		{"another twice", service("    routes:", "      - name: a", "        to: [{service: t, weight: 50}, {service: t, weight: 50}]"), `r.yaml:5: service "t" stands twice in a route; add the two weights up`},
		{"unknown subset of another", service("    routes:", "      - {name: a, to: [{service: t, subset: v2}]}", "  - {name: t, endpoints: [{name: x, subset: v1}]}"), `r.yaml:4: route "a" goes to subset "v2", which no endpoint of service "t" is in; use one of v1`},
		{"no service", service("    routes:", "      - {name: a, to: [{service: '', subset: v1}]}"), "r.yaml:4: service is empty; write a name"},
		{"algorithm", service("    balance: {algorithm: fastest}"), `r.yaml:3: algorithm "fastest" is not known; use one of weighted, round_robin, least_request, random, ring_hash, maglev, adaptive`},
		{"nothing to hash", service("    balance: {algorithm: maglev}"), "r.yaml:3: maglev has no hash; write what sessions are told apart by, such as hash: [{header: x-user}]"},
		{"hash for nothing", service("    balance: {algorithm: random, hash: [{header: x}]}"), "r.yaml:3: hash is of no use to this algorithm; write algorithm: ring_hash or maglev"},
		{"table for nothing", service("    balance: {table: 100}"), "r.yaml:3: table is of no use to this algorithm"},
		{"empty balance", service("    balance: {}"), "r.yaml:3: balance says nothing; write an algorithm"},
		{"table", service("    balance: {algorithm: maglev, hash: [{header: x}], table: 6000000}"), `r.yaml:3: table is "6000000"; write a whole number from 1 to 5000011`},
		{"hash key of two kinds", service("    balance: {algorithm: maglev, hash: [{header: x, query: y}]}"), "r.yaml:3: a key of hash is of 2 kinds; write each as an entry of its own"},
		{"hash key of no kind", service("    balance: {algorithm: maglev, hash: [{}]}"), "r.yaml:3: a key of hash is of 0 kinds"},
		{"hash of an empty name", service("    balance: {algorithm: maglev, hash: [{header: ''}]}"), "r.yaml:3: header of hash is empty; write a name"},
		{"nameless cookie", service("    balance: {algorithm: maglev, hash: [{cookie: {ttl: 1h}}]}"), "r.yaml:3: a cookie has no name; give it a field name"},
		{"no source", service("    balance: {algorithm: maglev, hash: [{source: false}]}"), "r.yaml:3: source is false; write true, or leave the key out"},
		{"many keys", service("    balance: {algorithm: maglev, hash: [" + strings.Repeat("{header: x},", 11) + "]}"), "r.yaml:3: hash has 11 keys; write at most 10"},
		{"subset size", service("    balance: {subset_size: 0}"), `r.yaml:3: subset_size is "0"; write a whole number from 1 to 10000`},
		{"empty circuit", service("    circuit: {}"), "r.yaml:3: circuit bounds nothing; write a bound, such as requests: 100"},
		{"no requests", service("    circuit: {requests: 0}"), `r.yaml:3: requests is "0"; write a whole number from 1 to 1000000000`},
		{"empty outlier", service("    outlier:", "      {}"), "r.yaml:4: outlier changes nothing; write what it changes, such as consecutive: 5"},
		{"hasty outlier", service("    outlier: {interval: 1ms}"), "r.yaml:3: interval is 1ms; write 100ms to 24h0m0s"},
		{"healthy percent", service("    outlier: {min_healthy: 50}"), `r.yaml:3: min_healthy is "50"; write a number from 0 to 1`},
		{"nameless subset", service("    subsets: [{labels: {version: v1}}]"), "r.yaml:3: a subset has no name"},
		{"subset stands twice", service("    subsets:", "      - {name: v1}", "      - {name: v1}"), `r.yaml:5: subset "v1" stands twice, first in line 4`},
		{"labels as a list", service("    subsets: [{name: v1, labels: [a]}]"), "r.yaml:3: labels is a list; write names and values, such as {version: v2}"},
		{"endpoints no list", service("    endpoints: {a: b}"), "r.yaml:3: endpoints is a mapping; write a list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("r.yaml", []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("r", []byte("a: 1\nb: 2\nservices:\n  - {name: s, c: 3}\n"))
	if err == nil || strings.Count(err.Error(), "unknown field") != 3 {
		t.Errorf("want three unknown fields, got %v", err)
	}
}

func TestComparisonsNeedNoQuotes(t *testing.T) {
	for _, text := range []string{"request_rate: >1000", `request_rate: ">1000"`, "request_rate: '> 1000'", "request_rate: >= 1000 # busy", "request_rate: >5"} {
		f, err := Parse("r", []byte("services:\n  - name: s\n    routes:\n      - name: a\n        criteria:\n          "+text+"\n          in_flight: <9\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Services[0].Routes[0].Criteria; len(got) != 2 || got[0].Limit < 5 || got[0].Op[0] != '>' {
			t.Errorf("%s: read as %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"content", "split", "tiers", "paths", "locality", "health", "traffic"} {
		text, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("services: [{name: s, routes: [{name: r, criteria: {p99: >1}, to: [{weight: .nan}]}]}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("fuzz", text)
		if err != nil {
			if !strings.Contains(err.Error(), "fuzz:") {
				t.Errorf("the error names no file: %v", err)
			}
			return
		}
		set, err := Compile(file)
		if err != nil {
			t.Fatalf("what Parse accepts must compile: %v", err)
		}
		r := mesh.Request{Path: "/x", Query: "a=%zz&b", Headers: map[string]string{"a": "b"}}
		for _, name := range set.Services() {
			m := set.Service(name)
			got, steps := m.Match(&r, nil), m.Explain(&r, nil)
			if last := steps[len(steps)-1]; last.Matched != (got >= 0) || last.Matched && last.Route != m.Service.Routes[got].Name {
				t.Fatalf("Match says %d, Explain %v", got, steps)
			}
			for _, route := range m.Service.Routes {
				sum := 0.0
				for _, target := range route.To {
					sum += target.Weight
				}
				if !route.Auto() && !(sum > 99 && sum < 101) || route.Timeout <= 0 {
					t.Fatalf("accepted %+v", route)
				}
			}
		}
	})
}
