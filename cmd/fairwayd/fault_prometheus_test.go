package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// lies are what a Prometheus may answer that is not so. reason is the one that
// decisions have to come to have; "": whatever they have, the model's included.
var lies = []struct {
	name, reason string
	lie          lie
}{
	{"NaN", "stale", values(`"NaN"`)},
	{"+Inf", "stale", values(`"+Inf"`)},
	{"negative", "", values(`"-5"`)},
	{"huge", "", values(`"1e308"`)},
	{"no number", "stale", values(`"lots"`)},
	{"times an hour ahead", "stale", times(3600)},
	{"times an hour back", "stale", times(-3600)},
	{"nothing", "stale", results(func([]json.RawMessage) []json.RawMessage { return []json.RawMessage{} })},
	{"every series twice", "stale", results(func(r []json.RawMessage) []json.RawMessage { return append(r, r...) })},
	{"body cut", "stale", func(_ *http.Response, body []byte) []byte { return body[:len(body)/2] }},
	{"success that is an error", "stale", func(*http.Response, []byte) []byte {
		return []byte(`{"status":"error","errorType":"internal","error":"out of luck"}`)
	}},
	{"gzip that is none", "stale", func(answer *http.Response, _ []byte) []byte {
		answer.Header.Set("Content-Encoding", "gzip")
		return bytes.Repeat([]byte{0x1f, 0x8b, 0xff}, 100)
	}},
	{"a page of HTML", "stale", func(answer *http.Response, _ []byte) []byte {
		answer.Header.Set("Content-Type", "text/html")
		return []byte("<html>please log in</html>")
	}},
	{"too many requests", "stale", func(answer *http.Response, _ []byte) []byte {
		answer.StatusCode, answer.Status = http.StatusTooManyRequests, "429 Too Many Requests"
		return nil
	}},
}

var pair = regexp.MustCompile(`\[([0-9.]+),"[^"]*"\]`)

// values makes every value of an answer this one.
func values(v string) lie {
	return func(_ *http.Response, body []byte) []byte { return pair.ReplaceAll(body, []byte("[${1},"+v+"]")) }
}

// times shifts the times of an answer.
func times(seconds float64) lie {
	return func(_ *http.Response, body []byte) []byte {
		return pair.ReplaceAllFunc(body, func(found []byte) []byte {
			var p [2]any
			if json.Unmarshal(found, &p) != nil {
				return found
			}
			p[0] = p[0].(float64) + seconds
			text, err := json.Marshal(p)
			if err != nil {
				return found
			}
			return text
		})
	}
}

// results changes the list of series of an answer.
func results(change func([]json.RawMessage) []json.RawMessage) lie {
	return func(_ *http.Response, body []byte) []byte {
		var a struct {
			Status string `json:"status"`
			Data   struct {
				Type   string            `json:"resultType"`
				Result []json.RawMessage `json:"result"`
			} `json:"data"`
		}
		if json.Unmarshal(body, &a) != nil {
			return body
		}
		a.Data.Result = change(a.Data.Result)
		text, err := json.Marshal(a)
		if err != nil {
			return body
		}
		return text
	}
}

func modelled(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL }

func because(reason string) func(*fairwayv1.Decision) bool {
	return func(d *fairwayv1.Decision) bool { return d.Reason == reason }
}

// startBrisk runs the daemon in this process with a model and rules, and soon
// takes metrics for stale.
func startBrisk(t *testing.T, prometheus string, m *lab, args ...string) *program {
	t.Helper()
	return start(t, append([]string{"--prometheus", prometheus, "--model", persistenceOf(t, brisk), "--rules", m.rules, "--stale-after", "2s"}, args...)...)
}

// holds sends a request that a rule binds, whatever the model and the metrics.
func holds(t *testing.T, p *program, when string) {
	t.Helper()
	if d := p.decide(t, "end-user", "jason"); d.Endpoint.Name != "c" {
		t.Errorf("%s, jason was sent to %q", when, d.Endpoint.Name)
	}
}

// TestPrometheusLies: whatever is answered to its queries, the daemon serves
// weights that are weights, keeps to the rules, and goes back to the model when
// the answers are true again.
func TestPrometheusLies(t *testing.T) {
	t.Parallel()
	m := newLab(t)
	t.Run("all", func(t *testing.T) { // waits for those in parallel
		for _, test := range lies {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				l := newLiar(t, m.url)
				p := startBrisk(t, l.url, m)
				c := newAsker(t, p.api, m)
				p.until(t, "the model's", modelled)
				l.says(test.lie)
				if test.reason != "" {
					p.until(t, "decided without the lie", because(test.reason))
				}
				told := l.told.Load()
				eventually(t, "ten answers were lies", func() bool { return l.told.Load() > told+10 })
				d := p.decide(t)
				t.Logf("the daemon answers %v %q", d.Source, d.Reason)
				holds(t, p, "while Prometheus lies")
				l.says(nil)
				p.until(t, "the model's again", modelled)
				c.stop()
				if e := strings.Count(p.log.String(), "\n"); e > 60 {
					t.Errorf("%d lines of log", e)
				}
			})
		}
	})
}

// TestPrometheusUnreachable: slow, gone, hanging up, half-open, or stopped in the
// midst of its work.
func TestPrometheusUnreachable(t *testing.T) {
	t.Parallel()
	m := newLab(t)
	for _, test := range []struct {
		name, reason string
		wire         bool
		breaks       func(*wire)
		mends        func(*wire)
	}{
		{"slow", "", true, func(w *wire) { w.set(slow) }, func(w *wire) { w.set(passes) }},
		{"cut", "stale", true, func(w *wire) { w.set(cut) }, func(w *wire) { w.set(passes) }},
		{"half-open", "stale", true, func(w *wire) { w.set(swallows) }, func(w *wire) { w.set(passes) }},
		{"stopped", "stale", false, func(*wire) { m.signal(syscall.SIGSTOP) }, func(*wire) { m.signal(syscall.SIGCONT) }},
		{"dead", "stale", false, func(*wire) { m.kill() }, func(*wire) { m.start() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.wire { // the others are Prometheus' own, and come first
				t.Parallel()
			}
			w := newWire(t, strings.TrimPrefix(m.url, "http://"))
			p := startBrisk(t, "http://"+w.address(), m)
			c := newAsker(t, p.api, m)
			p.until(t, "the model's", modelled)
			test.breaks(w)
			if test.reason != "" {
				p.until(t, "decided without metrics", because(test.reason))
			} else {
				before := p.decide(t).TableVersion
				p.until(t, "five editions on", func(d *fairwayv1.Decision) bool { return d.TableVersion > before+5 })
			}
			holds(t, p, "meanwhile")
			test.mends(w)
			p.until(t, "the model's again", modelled)
			c.stop()
		})
	}
}
