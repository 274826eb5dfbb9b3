package prom

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"
)

// Server is a live source: a Prometheus, or what speaks its HTTP API, such as
// Thanos, Mimir and VictoriaMetrics. It may be used by several goroutines at
// once. What counts as alive is up to the server: a Prometheus marks series
// stale when a target vanishes, VictoriaMetrics goes by each series' own
// scrape interval. An answer of which the server itself says that it is not
// complete is an error. VictoriaMetrics gives values of the last 30 s as the
// ones before (-search.latencyOffset): serve from it with that set lower.
type Server struct {
	api    v1.API
	http   *http.Client
	url    string // without credentials, for errors
	limits Limits

	mu      sync.Mutex
	remarks []string
}

// Dial returns the server at a URL such as http://127.0.0.1:9090, or the one
// that the source file of that name tells; a user and password in the URL are
// sent as basic authentication. Nothing is sent yet. Each question is asked
// once: whoever polls asks again at the next tick.
func Dial(address string) (*Server, error) {
	c, err := LoadConnection(address)
	if err != nil {
		return nil, err
	}
	return Connect(c, LiveLimits())
}

// Connect returns the server of a connection, to be asked within limits.
// Nothing is sent yet.
func Connect(c *Connection, l Limits) (*Server, error) {
	u, err := c.url()
	if err != nil {
		return nil, err
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	httpClient, err := config.NewClientFromConfig(c.HTTP, "fairway", config.WithUserAgent("fairway"))
	if err != nil {
		return nil, fmt.Errorf("%s: http: %w", u.Redacted(), err)
	}
	httpClient.Transport = unpacking{httpClient.Transport}
	client, err := api.NewClient(api.Config{Address: c.Address, Client: httpClient})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	return &Server{api: v1.NewAPI(newWire(client, l)), http: httpClient, url: u.Redacted(), limits: l}, nil
}

// String is the URL without credentials.
func (s *Server) String() string { return s.url }

// Close ends idle connections.
func (s *Server) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// Now is the time of the server's clock.
func (s *Server) Now(ctx context.Context) (time.Time, error) {
	result, warnings, err := s.api.Query(ctx, "time()", time.Time{})
	if err = s.sound(err, warnings); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", s.url, err)
	}
	// Prometheus answers a scalar, VictoriaMetrics a vector.
	switch result := result.(type) {
	case *model.Scalar:
		if result == nil {
			break
		}
		return time.UnixMilli(int64(float64(result.Value) * 1000)).UTC(), nil
	case model.Vector:
		if len(result) == 1 && result[0] != nil {
			return time.UnixMilli(int64(float64(result[0].Value) * 1000)).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: the server does not say what time it is", s.url)
}

// Metrics implements Source.
func (s *Server) Metrics(ctx context.Context) ([]string, error) {
	return s.metrics(ctx, time.Time{}, time.Time{})
}

func (s *Server) metrics(ctx context.Context, start, end time.Time) ([]string, error) {
	values, warnings, err := s.api.LabelValues(ctx, model.MetricNameLabel, nil, start, end)
	if err = s.sound(err, warnings); err != nil {
		return nil, fmt.Errorf("%s: %w", s.url, err)
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	slices.Sort(names)
	return names, nil
}

// Range implements Source. A long range is cut into shards that the server
// grants, and those that turn out too heavy into halves; each step is asked
// for in one of them.
func (s *Server) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	n := steps(start, end, step)
	if n == 0 {
		return nil, nil
	}
	width := s.limits.Points
	if step > 0 {
		width = max(1, min(width, int(s.limits.Span/step)))
	}
	shards := make([][]shard, (n+width-1)/width)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.limits.Parallel)
	for i := range shards {
		first := i * n / len(shards)
		g.Go(func() (err error) {
			shards[i], err = s.ask(ctx, question{expr, start, step}, first, (i+1)*n/len(shards)-first)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("%s: query %q: %w", s.url, expr, err)
	}
	return join(slices.Concat(shards...), n), nil
}

// question is a range query of which shards are asked for.
type question struct {
	expr  string
	start time.Time
	step  time.Duration
}

// shard is the answer for some of the steps, from first on: as many as a row has
// values.
type shard struct {
	first int
	rows  Matrix
}

// ask asks for n steps from the first on.
func (s *Server) ask(ctx context.Context, q question, first, n int) ([]shard, error) {
	rows, err := s.evaluate(ctx, q.expr, q.start.Add(time.Duration(first)*q.step), n, q.step)
	if err == nil {
		return []shard{{first, rows}}, nil
	}
	if n == 1 || !heavy(err) || ctx.Err() != nil {
		return nil, err
	}
	left, err := s.ask(ctx, q, first, n/2)
	if err != nil {
		return nil, err
	}
	right, err := s.ask(ctx, q, first+n/2, n-n/2)
	return append(left, right...), err
}

// evaluate makes one request.
func (s *Server) evaluate(ctx context.Context, expr string, start time.Time, n int, step time.Duration) (Matrix, error) {
	var result model.Value
	var warnings v1.Warnings
	var err error
	if n == 1 {
		result, warnings, err = s.api.Query(ctx, expr, start)
	} else {
		end := start.Add(time.Duration(n-1) * step)
		result, warnings, err = s.api.QueryRange(ctx, expr, v1.Range{Start: start, End: end, Step: step})
	}
	if err = s.sound(err, warnings); err != nil {
		return nil, err
	}
	var answer Matrix
	switch result := result.(type) {
	case model.Vector:
		if n != 1 {
			return nil, errors.New("the answer to a range query is a vector: is this a server of Prometheus' HTTP API?")
		}
		for _, x := range result {
			switch {
			case x == nil:
				return nil, errNull
			case x.Histogram != nil:
				return nil, errHistogram
			}
			answer = append(answer, Row{Labels: labelMap(x.Metric), Values: []float64{float64(x.Value)}})
		}
		return answer, nil
	case model.Matrix:
		if n == 1 {
			break
		}
		for _, x := range result {
			switch {
			case x == nil:
				return nil, errNull
			case len(x.Histograms) > 0:
				return nil, errHistogram
			}
			row := Row{Labels: labelMap(x.Metric), Values: unknown(n)}
			for _, p := range x.Values {
				if i := int64(p.Timestamp.Time().Sub(start)+step/2) / int64(step); i >= 0 && i < int64(n) {
					row.Values[i] = float64(p.Value)
				}
			}
			answer = append(answer, row)
		}
		return answer, nil
	case nil:
		return nil, errors.New("the answer holds no result: is this a server of Prometheus' HTTP API?")
	}
	return nil, fmt.Errorf("the answer is a %s; want an instant vector", result.Type())
}

var errNull = errors.New("the answer has a series that is null")

var errHistogram = errors.New("the answer is a native histogram; put histogram_quantile, histogram_sum or the like around it")

// join lays the shards of an answer over n steps side by side.
func join(shards []shard, n int) Matrix {
	if len(shards) == 1 {
		return shards[0].rows
	}
	type found struct {
		labels labels.Labels
		row    Row
	}
	rows := map[uint64][]*found{}
	var all []*found
	for _, p := range shards {
		for _, row := range p.rows {
			l := labels.FromMap(row.Labels)
			same := rows[l.Hash()]
			i := slices.IndexFunc(same, func(f *found) bool { return labels.Equal(f.labels, l) })
			if i < 0 {
				f := &found{l, Row{Labels: row.Labels, Values: unknown(n)}}
				i, same = len(same), append(same, f)
				rows[l.Hash()], all = same, append(all, f)
			}
			copy(same[i].row.Values[p.first:], row.Values)
		}
	}
	slices.SortFunc(all, func(a, b *found) int { return labels.Compare(a.labels, b.labels) })
	answer := make(Matrix, len(all))
	for i, f := range all {
		answer[i] = f.row
	}
	return answer
}

// sound is the error of an answer, if it has one: a warning is one too, except
// where it is about the query and not about what was found; that is kept.
func (s *Server) sound(err error, warnings v1.Warnings) error {
	if err != nil {
		return explain(err)
	}
	for _, w := range warnings {
		if !strings.HasPrefix(w, "PromQL ") {
			return fmt.Errorf("%w: %s", errIncomplete, short(w))
		}
		s.mu.Lock()
		if len(s.remarks) < manyRemarks && !slices.Contains(s.remarks, w) {
			s.remarks = append(s.remarks, w)
		}
		s.mu.Unlock()
	}
	return nil
}

const manyRemarks = 20

var errIncomplete = errors.New("the answer may not be complete, the server warns")

// Remarks is what the server had to say about the queries so far.
func (s *Server) Remarks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.remarks)
}

// Temporary reports whether a server's error may pass by itself: it could not
// be reached, had too much to do, or lacked a part of its stores.
func Temporary(err error) bool {
	var answered *v1.Error
	if errors.As(err, &answered) {
		return answered.Type == v1.ErrServer || answered.Type == v1.ErrTimeout || answered.Msg == "client error: 429" || answered.Msg == "client error: 408"
	}
	var unsent *url.Error
	if errors.As(err, &unsent) {
		return temporary(err)
	}
	return slices.ContainsFunc([]error{errPartial, errIncomplete, io.ErrUnexpectedEOF, context.DeadlineExceeded, syscall.ECONNRESET}, func(x error) bool { return errors.Is(err, x) })
}

// heavy reports whether the server says that less at once would do.
func heavy(err error) bool {
	var answered *v1.Error
	return errors.As(err, &answered) && (answered.Type == v1.ErrTimeout || heavyText.MatchString(answered.Msg+answered.Detail))
}

// explain adds what the server itself said, which the error leaves out, and
// what to do about it.
func explain(err error) error {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return fmt.Errorf("%w: give its authority in a source file (http: tls_config: ca_file)", err)
	}
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return fmt.Errorf("%w: is the client certificate right (http: tls_config: cert_file and key_file of a source file)?", err)
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Errorf("%w: write http:// instead of https://", err)
	}
	e, ok := err.(*v1.Error)
	if !ok {
		return err
	}
	hint := ""
	if strings.HasSuffix(e.Msg, "401") || strings.HasSuffix(e.Msg, "403") {
		hint = ": are the credentials right (http: authorization or basic_auth of a source file), and the tenant's header (http: http_headers)?"
	}
	if e.Detail != "" {
		return fmt.Errorf("%w (%s)%s", err, short(e.Detail), hint)
	}
	return fmt.Errorf("%w%s", err, hint)
}

func labelMap(m model.Metric) map[string]string {
	l := make(map[string]string, len(m))
	for name, v := range m {
		l[string(name)] = string(v)
	}
	return l
}
