package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRefused(t *testing.T) {
	rules := write(t, "rules.yaml", tinyRules)
	text := func(s string) string { return write(t, "file", s) }
	cut := persistence(t)
	whole, err := os.ReadFile(cut)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, whole[:len(whole)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		args  []string
		usage bool
		want  []string // parts of the error
	}{
		{"unknown flag", []string{"--colour", "red"}, true, []string{"colour"}},
		{"stray word", []string{"--rules", rules, "serve"}, true, []string{`"serve"`}},
		{"two sources", []string{"--prometheus", "http://127.0.0.1:1", "--recording", "x"}, true, []string{"--recording"}},
		{"model that is not there, and nothing else", []string{"--model", "m"}, false, []string{"--model", "m"}},
		{"share that does not rise", []string{"--rules", rules, "--canary", "60%", "--hold-back", "50%"}, true, []string{"--canary"}},
		{"speed", []string{"--rules", rules, "--speed", "0"}, true, []string{"--speed"}},
		{"from", []string{"--rules", rules, "--from", "end"}, true, []string{"--from", "held-back"}},
		{"explore", []string{"--rules", rules, "--explore", "150%"}, true, []string{"explore", "5%"}},
		{"shadow of nothing", []string{"--rules", rules, "--shadow"}, true, []string{"--shadow", "--model"}},
		{"once", []string{"--rules", rules, "--once"}, true, []string{"--recording"}},
		{"no rules", []string{"--rules", "nowhere.yaml"}, false, []string{"--rules", "nowhere.yaml"}},
		{"bad rules", []string{"--rules", text("services:\n  - nam: x\n")}, false, []string{"--rules", ":2", "nam"}},
		{"no model", []string{"--model", "nowhere", "--prometheus", "http://127.0.0.1:1"}, false, []string{"--model", "nowhere"}},
		{"cut model", []string{"--model", cut, "--prometheus", "http://127.0.0.1:1"}, false, []string{"--model", cut}},
		{"bad schema", []string{"--schema", text("name: x\n"), "--prometheus", "http://127.0.0.1:1"}, false, []string{"--schema"}},
		{"no recording", []string{"--recording", "nowhere"}, false, []string{"--recording", "nowhere"}},
		{"no prometheus to ask for a schema", []string{"--prometheus", "http://u:hunter22@127.0.0.1:1"}, false, []string{"127.0.0.1:1", "--schema"}},
		{"bad source file", []string{"--prometheus", text("prometheus: http://127.0.0.1:1\nstep: 1s\n")}, false, []string{"--prometheus", ":2", "step"}},
		{"recording without a span", []string{"--recording", text("prometheus: http://127.0.0.1:1\n")}, false, []string{"--recording", "since"}},
		{"unknown setting", []string{"--config", text("rules: x\ncolour: red\n")}, false, []string{":2", "colour"}},
		{"setting twice", []string{"--config", text("rules: x\nrules: y\n")}, false, []string{"rules"}},
		{"bad setting", []string{"--config", text("stale_after: soon\n")}, false, []string{":1", "stale_after", "soon"}},
		{"log format", []string{"--rules", rules, "--log-format", "xml"}, true, []string{"--log-format", "xml"}},
		{"log level", []string{"--rules", rules, "--log-level", "loud"}, true, []string{"log-level", "loud"}},
		{"slow", []string{"--rules", rules, "--log-slow", "0s"}, true, []string{"--log-slow"}},
		{"collector", []string{"--rules", rules, "--otlp", "tcp://u:hunter22@x"}, true, []string{"--otlp", "http://127.0.0.1:4317"}},
		{"redis", []string{"--rules", rules, "--redis", "http://u:hunter22@x"}, true, []string{"--redis", "redis://"}},
		{"redis number", []string{"--rules", rules, "--redis", "redis://u:hunter22@x/one"}, true, []string{"--redis", "one"}},
		{"no key of the cache", []string{"--rules", rules, "--cache-key", "nowhere"}, false, []string{"--cache-key", "nowhere"}},
		{"short key of the cache", []string{"--rules", rules, "--cache-key", text("hunter22\n")}, false, []string{"--cache-key", "openssl rand -hex 32"}},
		{"directory for a key of the cache", []string{"--rules", rules, "--cache-key", t.TempDir()}, false, []string{"--cache-key", "no file"}},
		{"scope", []string{"--rules", rules, "--cache-scope", "a/b"}, true, []string{"--cache-scope", "a/b"}},
		{"nothing listens", []string{"--rules", rules, "--listen", ""}, true, []string{"--listen"}},
		{"no port", []string{"--rules", rules, "--admin", "localhost"}, true, []string{"--admin", "localhost"}},
		{"port of no service", []string{"--rules", rules, "--http", "127.0.0.1:99999"}, true, []string{"--http", "99999"}},
		{"socket without a path", []string{"--rules", rules, "--haproxy-agent", "unix:"}, true, []string{"--haproxy-agent"}},
		{"one address for two", []string{"--rules", rules, "--http", "127.0.0.1:7443"}, true, []string{"--listen", "--http"}},
		{"no settings", []string{"--config", text("- a\n")}, false, []string{":1"}},
	} {
		err := run(t.Context(), append(test.args, "--check-config"), io.Discard, io.Discard)
		if err == nil {
			t.Errorf("%s: accepted", test.name)
			continue
		}
		var wrong usage
		if errors.As(err, &wrong) != test.usage {
			t.Errorf("%s: usage is %v; want %v (%v)", test.name, !test.usage, test.usage, err)
		}
		if strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: the password is in %q", test.name, err)
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", test.name, err, part)
			}
		}
	}
}

func TestConfigFile(t *testing.T) {
	file := write(t, "config.yaml", "listen: 127.0.0.1:1\nstale_after: 30s\nexplore: 5%\nshadow: false\nrules: r.yaml\n")
	got, err := parse([]string{"--config", file, "--listen", "127.0.0.1:2"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !got.given("listen") || !got.given("rules") || got.given("admin") {
		t.Errorf("what was given is not known: %v", got.settings)
	}
	got.settings = nil
	want := &options{listen: "127.0.0.1:2", admin: "127.0.0.1:7444", staleAfter: 30 * time.Second, explore: 0.05, rules: "r.yaml", speed: 1, from: "start"}
	want.telemetryOptions = telemetryOptions{logFormat: "text", logSlow: 100 * time.Millisecond, tracePart: 0.01}
	want.reloadOptions = reloadOptions{canary: 0.1, holdBack: 0.1, probation: 10 * time.Minute}
	want.databaseOptions = databaseOptions{keep: 720 * time.Hour}
	want.journalOptions = journalOptions{journalSize: 1024, journalPart: 0.01}
	want.discoveryOptions = discoveryOptions{discover: auto}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{}, telemetryOptions{}, tlsOptions{}, reloadOptions{}, databaseOptions{}, journalOptions{}, httpOptions{}, haproxyOptions{}, cacheOptions{}, discoveryOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestCheckConfig(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"--check-config", "--rules", write(t, "r.yaml", tinyRules), "--model", persistence(t), "--prometheus", "http://127.0.0.1:1"}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := "ok; model persistence version 0, without a failure forecast; schema tiny, a window every 1s; rules 7 of 1 services\n"; out.String() != want {
		t.Errorf("got %q; want %q", out.String(), want)
	}
	var help bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-prometheus URL") {
		t.Errorf("help: %v\n%s", err, &help)
	}
}
