package prom

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestNarrow(t *testing.T) {
	have := []string{"a", "b"}
	for query, want := range map[string]string{
		"a or x":         "a",
		"x or a":         "a",
		"a or b":         "a or b",
		"(x or a) or y":  "(a)",
		"x or y":         "",
		"x":              "",
		"a / x":          "a / x", // some of it exists: let the source judge
		"a / x or y":     "a / x",
		"a / x or b":     "b",
		"sum(a or x)":    "sum(a or x)", // a union, not alternatives
		`{job="y"} or x`: `{job="y"}`,
		`label_replace(x or a, "s", "t", "", "")`:                      `label_replace(a, "s", "t", "", "")`,
		`label_replace(label_join(x or a, "s", ""), "s", "t", "", "")`: `label_replace(label_join(a, "s", ""), "s", "t", "", "")`,
	} {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := narrow(query, expr, have); got != want {
			t.Errorf("%s becomes %s, want %s", query, got, want)
		}
	}
}

// listener is a source that remembers what it was asked for.
type listener struct {
	have    []string
	err     error
	queries []string
	lists   int
}

func (a *listener) Range(_ context.Context, expr string, _, _ time.Time, _ time.Duration) (Matrix, error) {
	a.queries = append(a.queries, expr)
	return Matrix{{}}, nil
}

func (a *listener) Metrics(context.Context) ([]string, error) { a.lists++; return a.have, a.err }

func TestNarrowLooksAgain(t *testing.T) {
	a := &listener{have: []string{"a"}}
	src := Narrow(a)
	ask := func(expr string, after time.Duration) int {
		t.Helper()
		rows, err := src.Range(t.Context(), expr, dawn.Add(after), dawn.Add(after), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	ask("a or x", 0)
	a.have = []string{"a", "x"}
	ask("a or x", narrowFor)
	ask("a or x", narrowFor+2*time.Second)
	ask("a(", narrowFor+2*time.Second)
	if diff := cmp.Diff([]string{"a", "a", "a or x", "a("}, a.queries); diff != "" || a.lists != 2 {
		t.Error(a.lists, diff)
	}
	// What is not there at all is looked for again soon.
	listed := narrowFor + 2*time.Second
	if n := ask("y", listed+time.Second); n != 0 {
		t.Errorf("%d rows of what does not exist", n)
	}
	a.have = []string{"y"}
	if n := ask("y", listed+narrowSoon); n != 0 || a.lists != 2 {
		t.Errorf("%d rows after %d lists; want none yet", n, a.lists)
	}
	if n := ask("y", listed+narrowSoon+time.Second); n != 1 || a.lists != 3 {
		t.Errorf("%d rows after %d lists; want what has appeared", n, a.lists)
	}
	a.err = errors.New("gone")
	if _, err := src.Range(t.Context(), "a", dawn.Add(time.Hour), dawn.Add(time.Hour), 0); !errors.Is(err, a.err) {
		t.Error(err)
	}
}

// stuck is a source that never says which metrics it has.
type stuck struct {
	listener
	entered chan struct{}
}

func (s *stuck) Metrics(ctx context.Context) ([]string, error) {
	close(s.entered)
	<-ctx.Done()
	return nil, ctx.Err()
}

// Who waits while another query asks for the metrics may give up before it.
func TestNarrowWaitsNoLongerThanItsContext(t *testing.T) {
	s := &stuck{entered: make(chan struct{})}
	src := Narrow(s)
	first, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := src.Range(first, "a", dawn, dawn, 0)
		ended <- err
	}()
	<-s.entered
	second, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Range(second, "b", dawn, dawn, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// VictoriaMetrics knows no native histograms and not all of PromQL's functions:
// the schemas work there nevertheless, with classic histograms.
func TestSchemasOnVictoriaMetrics(t *testing.T) {
	url := serveVictoria(t)
	// It names the metrics of late only.
	begin := time.Now().Add(-2 * time.Minute).Truncate(10 * time.Second)
	when := begin.Add(time.Minute)
	seen := map[string]bool{}
	var first []technology
	for _, c := range append(technologies, coarse...) {
		if !strings.Contains(c.notation, "{{") && !seen[c.schema] {
			seen[c.schema] = true
			first = append(first, c)
		}
	}
	for _, c := range first {
		answer, err := http.Post(url+"/api/v1/import/prometheus", "text/plain", strings.NewReader(exposition(situationFrom(t, begin, 10*time.Second, c.notation))))
		if err != nil || answer.StatusCode != http.StatusNoContent {
			t.Fatal(answer, err)
		}
		answer.Body.Close()
	}
	if answer, err := http.Get(url + "/internal/force_flush"); err != nil || answer.Body.Close() != nil {
		t.Fatal(err)
	}
	server := dial(t, url)
	for _, c := range first {
		s, _ := Builtin(c.schema)
		found := false
		for w, err := range Windows(t.Context(), Narrow(server), s, Query{Start: when, End: when, Timing: shopTiming}) {
			if err != nil {
				t.Fatal(err)
			}
			for endpoint, series := range c.want {
				i := w.Find(endpoint)
				if w.Service != c.service || i < 0 {
					continue
				}
				found = true
				for name, want := range series {
					near(t, c.schema+" "+endpoint+" "+name, w.At(i, name), want)
				}
			}
		}
		if !found {
			t.Errorf("%s: no window of %s", c.schema, c.service)
		}
		r, err := Recognise(t.Context(), server, when, when, s)
		if err != nil || len(r.fitting()) != 1 {
			t.Errorf("%s: is not recognised: %v", c.schema, err)
		}
	}
}
