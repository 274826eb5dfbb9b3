package main

import (
	"io"
	"strings"
	"testing"
)

func TestPlacesAreChecked(t *testing.T) {
	rules := write(t, "r.yaml", tinyRules)
	for args, want := range map[string]string{
		"--discover dns":                                                    "dns:NAME:PORT",
		"--discover dns:reviews.example":                                    "has no port",
		"--discover dns:a.example:80,dns:_b":                                "is no name",
		"--discover consul:consul.example":                                  "http://127.0.0.1:8500?dc=east",
		"--discover consul:http://a?token=s3cret":                           "write it to a file",
		"--discover consul:http://a,consul:http://b":                        "stands twice",
		"--discover prometheus":                                             "name it by --prometheus",
		"--discover prometheus:http://a":                                    "prometheus alone",
		"--discover prometheus --prometheus ftp://a":                        "the URL of Prometheus",
		"--discover dns:a.example:80,dns:_http._tcp.b.example,consul:http:": "the URL is none",
	} {
		err := run(t.Context(), append(strings.Fields(args), "--rules", rules, "--check-config"), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v; want %q", args, err, want)
		}
	}
	for _, args := range []string{
		"--discover dns:a.example:80,dns:shop=_http._tcp.b.example",
		"--discover consul:http://127.0.0.1:1?dc=east&service=a",
		"--discover dns:a.example:80,file:/none/*.yaml",
	} {
		if err := run(t.Context(), append(strings.Fields(args), "--rules", rules, "--check-config"), io.Discard, io.Discard); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}
