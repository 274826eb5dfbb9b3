package prom

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// patience is short, so that the tests are.
func patience() Limits {
	l := DefaultLimits()
	l.Pause, l.Longest, l.Timeout = time.Millisecond, 20*time.Millisecond, 2*time.Second
	return l
}

// unhurried never asks again because the machine is busy.
func unhurried() Limits {
	l := patience()
	l.Timeout = time.Minute
	return l
}

func connectTo(t testing.TB, url string, l Limits) *Server {
	t.Helper()
	s, err := Connect(&Connection{Address: url, HTTP: config.DefaultHTTPClientConfig}, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A long range comes whole, each step once, from a server that fails in every
// way before it answers; and no part of it is asked for again once it came.
func TestLongRangeThroughFaults(t *testing.T) {
	t.Parallel()
	address, scrapes := target(t)
	p := startPrometheus(t, address)
	until(t, "scraped", func() bool { return scrapes.Load() > 10 })
	f, proxied := startFlaky(t, p.url, unavailable, tooMany, reset, hang, cutShort)
	l := patience()
	l.Points, l.Parallel = 500, 3
	f.bound = l.Parallel
	start, n := time.Now().Add(-3*time.Hour).Truncate(time.Second), 5003
	rows, err := connectTo(t, proxied, l).Range(t.Context(), "vector(time())", start, start.Add(time.Duration(n-1)*time.Second), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || len(rows[0].Values) != n {
		t.Fatalf("%d rows", len(rows))
	}
	for i, v := range rows[0].Values {
		if v != float64(start.Unix()+int64(i)) {
			t.Fatalf("step %d has %v", i, v)
		}
	}
	if want := 11; len(f.passed) != want {
		t.Errorf("%d shards; want %d", len(f.passed), want)
	}
	l.Span = time.Second
	now := time.Now()
	raw, err := connectTo(t, proxied, l).Pull(t.Context(), []string{`{__name__="up"}`}, now.Add(-8*time.Second), now.Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if raw.Count() == 0 || len(f.passed) != 11+7 {
		t.Errorf("%d samples in %d shards", raw.Count(), len(f.passed)-11)
	}
	for key, times := range f.passed {
		if times != 1 {
			t.Errorf("%s was answered %d times", key, times)
		}
	}
	if f.most > l.Parallel {
		t.Errorf("%d requests at once; want at most %d", f.most, l.Parallel)
	}
}

// What the server finds too heavy is halved until it is not.
func TestHeavyRangeIsHalved(t *testing.T) {
	t.Parallel()
	address, scrapes := target(t)
	p := startPrometheus(t, address, "--query.max-samples=100")
	until(t, "scraped", func() bool { return scrapes.Load() > 30 })
	f, proxied := startFlaky(t, p.url)
	s := connectTo(t, proxied, unhurried())
	start, n := time.Now().Add(-2*time.Hour).Truncate(time.Second), 1001
	rows, err := s.Range(t.Context(), "vector(time())", start, start.Add(time.Duration(n-1)*time.Second), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range rows[0].Values {
		if v != float64(start.Unix()+int64(i)) {
			t.Fatalf("step %d has %v", i, v)
		}
	}
	if len(f.tries) < 5 {
		t.Errorf("%d requests: was nothing halved?", len(f.tries))
	}
	for key, times := range f.tries {
		if times != 1 {
			t.Errorf("%s was asked %d times", key, times)
		}
	}
	// Raw samples meet the limit too: thirty scrapes of eight series.
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	settle(t, scrapes)
	all, err := s.Pull(t.Context(), []string{`{job="x"}`}, now.Add(-time.Minute), now)
	if err != nil {
		t.Fatal(err)
	}
	names, err := s.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, name := range names {
		one, err := s.Pull(t.Context(), []string{fmt.Sprintf(`{__name__=%q}`, name)}, now.Add(-time.Minute), now)
		if err != nil {
			t.Fatal(err)
		}
		want += one.Count()
	}
	if want <= 100 || all.Count() != want {
		t.Errorf("%d samples of all, %d one by one", all.Count(), want)
	}
}

// What cannot succeed later is not tried again.
func TestNotRepeated(t *testing.T) {
	address, _ := target(t)
	p := startPrometheus(t, address)
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"bad query":    nil,
		"unauthorized": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who?", http.StatusUnauthorized) },
		"not found":    http.NotFound,
	} {
		t.Run(name, func(t *testing.T) {
			expr := "up"
			f, proxied := startFlaky(t, p.url)
			if fault == nil {
				expr = "sum(("
			} else {
				f.faults = append(f.faults, fault, fault)
			}
			_, err := connectTo(t, proxied, unhurried()).Range(t.Context(), expr, dawn, dawn.Add(time.Minute), time.Second)
			if err == nil || Temporary(err) {
				t.Errorf("error %v", err)
			}
			for key, times := range f.tries {
				if times != 1 {
					t.Errorf("%s was asked %d times", key, times)
				}
			}
		})
	}
}

// A server that never answers is given up, with how often it was tried.
func TestGivesUp(t *testing.T) {
	s := connectTo(t, "http://"+porttest.Address(t), patience())
	_, err := s.Range(t.Context(), "up", dawn, dawn, 0)
	if err == nil || !strings.Contains(err.Error(), "6 attempts") || !Temporary(err) {
		t.Errorf("error %v", err)
	}
	busy := httptest.NewServer(http.HandlerFunc(unavailable))
	defer busy.Close()
	if _, err = connectTo(t, busy.URL, patience()).Now(t.Context()); err == nil || !strings.Contains(err.Error(), "busy") || !Temporary(err) {
		t.Errorf("error %v", err)
	}
}

// A warning says that the answer may lack something; so does isPartial.
func TestPartialAnswers(t *testing.T) {
	for body, says := range map[string]string{
		`{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["No StoreAPIs matched for this query"]}`: "No StoreAPIs",
		`{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[]}}`:                                   "partial",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name, value := range exact {
				if r.FormValue(name) != value {
					t.Errorf("%s is %q", name, r.FormValue(name))
				}
			}
			io.WriteString(w, body)
		}))
		_, err := connectTo(t, server.URL, patience()).Range(t.Context(), "up", dawn, dawn, 0)
		if err == nil || !strings.Contains(err.Error(), says) || !Temporary(err) {
			t.Errorf("error %v", err)
		}
		server.Close()
	}
	remark := `{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["PromQL warning: odd buckets"]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, remark) }))
	defer server.Close()
	s := connectTo(t, server.URL, patience())
	for range 2 {
		if _, err := s.Range(t.Context(), "up", dawn, dawn, 0); err != nil {
			t.Error(err)
		}
	}
	if got := s.Remarks(); len(got) != 1 || got[0] != "PromQL warning: odd buckets" {
		t.Errorf("remarks %q", got)
	}
}

// canned is a server without a network.
type canned struct {
	answer func(attempt int) (*http.Response, error)
	count  int
	times  []time.Time
}

func (c *canned) URL(string, map[string]string) *url.URL { return &url.URL{} }

func (c *canned) Do(context.Context, *http.Request) (*http.Response, []byte, error) {
	c.count++
	c.times = append(c.times, time.Now())
	response, err := c.answer(c.count)
	return response, nil, err
}

func TestPauses(t *testing.T) {
	status := func(code int, header ...string) *http.Response {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: code, Header: h}
	}
	synctest.Test(t, func(t *testing.T) {
		c := &canned{answer: func(n int) (*http.Response, error) {
			switch n {
			case 1:
				return status(502), nil
			case 2:
				return nil, io.ErrUnexpectedEOF
			case 3:
				return status(429, "Retry-After", "40"), nil
			case 4:
				return status(503, "Retry-After", "Fri, 31 Jan 2026 12:01:00 GMT", "Date", "Fri, 31 Jan 2026 12:00:10 GMT"), nil
			}
			return status(200), nil
		}}
		w := newWire(c, DefaultLimits())
		request, _ := http.NewRequest(http.MethodGet, "http://x", nil)
		if response, _, err := w.Do(t.Context(), request); err != nil || response.StatusCode != 200 || c.count != 5 {
			t.Fatalf("%v after %d attempts, %v", response, c.count, err)
		}
		for i, want := range []struct{ least, most time.Duration }{
			{250 * time.Millisecond, 500 * time.Millisecond}, {500 * time.Millisecond, time.Second},
			{40 * time.Second, 40 * time.Second}, {50 * time.Second, 50 * time.Second},
		} {
			if got := c.times[i+1].Sub(c.times[i]); got < want.least || got > want.most {
				t.Errorf("pause %d is %s; want %s to %s", i+1, got, want.least, want.most)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := &canned{answer: func(int) (*http.Response, error) { return status(429, "Retry-After", "3600"), nil }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		request, _ := http.NewRequest(http.MethodGet, "http://x", nil)
		if _, _, err := newWire(c, DefaultLimits()).Do(ctx, request); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("ended after %s with %v", time.Since(began), err)
		}
	})
}

// The words of several servers for a query that is to be cut.
func TestHeavy(t *testing.T) {
	for _, text := range []string{
		"query processing would load too many samples into memory in query execution",
		"query timed out in expression evaluation",
		"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
		"the query exceeded the maximum number of chunks (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)",
		"rpc error: code = ResourceExhausted desc = exceeded series limit: limit 10 violated (got 11)",
		"cannot select more than -search.maxSamplesPerQuery=1000000000 samples",
		"too many points for the given step=1, start=0 and end=9: 10; cannot exceed -search.maxPointsPerTimeseries=5",
		"timeout exceeded while fetching data block",
	} {
		if !heavy(fmt.Errorf("wrapped: %w", &v1.Error{Type: v1.ErrExec, Msg: text})) {
			t.Errorf("%q is not taken for heavy", text)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, &v1.Error{Type: v1.ErrBadData, Msg: "parse error: unexpected end of input"}, &v1.Error{Type: v1.ErrServer, Msg: "server error: 503", Detail: "busy"}} {
		if heavy(err) {
			t.Errorf("%v is taken for heavy", err)
		}
	}
}

func TestLimitsValidate(t *testing.T) {
	if err := DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []func(*Limits){
		func(l *Limits) { l.Parallel = 0 }, func(l *Limits) { l.Points = 11_001 }, func(l *Limits) { l.Span = 0 },
		func(l *Limits) { l.Timeout = 0 }, func(l *Limits) { l.Attempts = 0 }, func(l *Limits) { l.Longest = 0 },
	} {
		l := DefaultLimits()
		bad(&l)
		if err := l.Validate(); err == nil {
			t.Errorf("accepted %+v", l)
		}
	}
}

func TestJoin(t *testing.T) {
	a, b := map[string]string{"pod": "a"}, map[string]string{"pod": "b"}
	got := join([]shard{{0, Matrix{{b, []float64{1, 2}}}}, {2, Matrix{{a, []float64{5}}, {b, []float64{3}}}}}, 3)
	if len(got) != 2 || got[0].Labels["pod"] != "a" || fmt.Sprint(got[1].Values) != "[1 2 3]" || got[0].Values[2] != 5 || !math.IsNaN(got[0].Values[0]) {
		t.Errorf("got %v", got)
	}
}

// Native histograms cannot be had raw: that is told.
func TestRawTellsHistograms(t *testing.T) {
	r := &Raw{byHash: map[uint64][]*pulled{}}
	stream := &model.SampleStream{Metric: model.Metric{"__name__": "latency"}, Histograms: []model.SampleHistogramPair{{Timestamp: 1, Histogram: &model.SampleHistogram{}}}}
	if err := r.add([]*model.SampleStream{stream, stream}); err != nil {
		t.Fatal(err)
	}
	if len(r.Histograms) != 1 || r.Histograms[0] != "latency" || r.Count() != 0 {
		t.Errorf("got %q, %d samples", r.Histograms, r.Count())
	}
	if _, err := r.WriteBlock(t.Context(), t.TempDir()); err == nil {
		t.Error("a block without samples was written")
	}
}

// Answers of another shape than was asked for are errors.
func TestStrangeAnswers(t *testing.T) {
	for _, data := range []string{
		`{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[0,"1"]}]}`,    // to a range query
		`{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[0,"1"]]}]}`, // to an instant query
		`{"resultType":"scalar","result":[0,"1"]}`, `{"resultType":"string","result":[0,"1"]}`, `{}`, `null`, `[]`, `{"resultType":"matrix","result":null}`,
		`{"resultType":"vector","result":[null]}`, `{"resultType":"matrix","result":[null]}`, `{"resultType":"scalar","result":null}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"status":"success","data":%s}`, data)
		}))
		s := connectTo(t, server.URL, patience())
		rows, _ := s.Range(t.Context(), "up", dawn, dawn.Add(time.Minute), time.Second)
		for _, row := range rows {
			if len(row.Values) != 61 {
				t.Errorf("%s gives %d values", data, len(row.Values))
			}
		}
		if rows, _ = s.Range(t.Context(), "up[1m]", dawn, dawn, 0); len(rows) > 0 && len(rows[0].Values) != 1 {
			t.Errorf("%s gives %v", data, rows)
		}
		if raw, err := s.Pull(t.Context(), []string{"{}"}, dawn, dawn.Add(time.Second)); err == nil && raw.Count() > 0 && !strings.Contains(data, "matrix") {
			t.Errorf("%s gives %d samples", data, raw.Count())
		}
		s.Now(t.Context())
		s.Metrics(t.Context())
		server.Close()
	}
}

// A time that is none is an error, not the year -290308.
func TestNowIsATime(t *testing.T) {
	for _, value := range []string{"NaN", "+Inf", "-Inf", "-1", "1e30"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[0,"%s"]}}`, value)
		}))
		now, err := connectTo(t, server.URL, patience()).Now(t.Context())
		if err == nil || !strings.Contains(err.Error(), "what time it is") {
			t.Errorf("%s is %s, error %v", value, now, err)
		}
		server.Close()
	}
}

// An answer that does not fit is not held in memory, plain or packed: less is
// asked for at once.
func TestLongAnswers(t *testing.T) {
	spaces := bytes.Repeat([]byte{' '}, 1<<20)
	const most = 8 << 20 // to write and read what is really too long takes the race detector a minute
	for _, packed := range []bool{false, true} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			first := asked.Add(1) == 1
			into := io.Writer(w)
			if packed {
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				defer z.Close()
				into = z
			}
			for n := 0; first && n <= most/len(spaces); n++ {
				if _, err := into.Write(spaces); err != nil {
					return
				}
			}
			io.WriteString(into, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
		}))
		l := patience()
		l.Parallel, l.Timeout = 1, time.Minute
		s := connectTo(t, server.URL, l)
		if got := s.http.Transport.(unpacking).most; got != longestAnswer {
			t.Errorf("an answer may have %d bytes", got)
		}
		ctx := context.WithValue(t.Context(), shorter{}, int64(most))
		if _, err := s.Pull(ctx, []string{"up"}, dawn, dawn.Add(time.Minute)); err != nil || asked.Load() != 3 {
			t.Errorf("packed %t: asked %d times, error %v; want the whole and two halves", packed, asked.Load(), err)
		}
		server.Close()
	}
}
