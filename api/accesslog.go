package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// LogConfig says which calls are logged.
type LogConfig struct {
	// Slow is how long a call may take before it is logged.
	Slow time.Duration
	// Part is the part of the other calls that is logged too: 0 none, 1 all.
	Part float64
	// PerSecond and Burst bound the lines, whatever happens: a flood of errors
	// must not fill a disk.
	PerSecond, Burst float64
}

// DefaultLogConfig is the filter of the origin: errors, and what took more
// than 100 ms. 10 lines a second of 300 bytes are 260 MB a day.
func DefaultLogConfig() LogConfig {
	return LogConfig{Slow: 100 * time.Millisecond, PerSecond: 10, Burst: 100}
}

// Validate reports everything that is out of range.
func (c LogConfig) Validate() error {
	var errs []error
	if c.Slow <= 0 {
		errs = append(errs, fmt.Errorf("api: log: slow is %v; want more than 0", c.Slow))
	}
	if !(c.Part >= 0 && c.Part <= 1) {
		errs = append(errs, fmt.Errorf("api: log: part is %v; want 0 to 1", c.Part))
	}
	if !(c.PerSecond > 0) || !(c.Burst >= 1) {
		errs = append(errs, fmt.Errorf("api: log: %v lines per second, %v at once; want more than 0, and at least 1", c.PerSecond, c.Burst))
	}
	return errors.Join(errs...)
}

// AccessLog logs calls that failed or were slow, and a part of the others. A
// call never waits for it: lines go through a queue to the goroutine of Run,
// and what the queue or the rate does not take is counted. Of what a request
// says only the service is logged: no header, path or key.
type AccessLog struct {
	// Who, where it is set before the first call, says who calls: the identity
	// of a certificate.
	Who func(context.Context) string

	cfg           LogConfig
	clock         func() time.Time
	begun         time.Time
	lines         chan *line
	due           atomic.Int64  // ns from begun; see allowed
	fine          atomic.Uint64 // calls that nothing was wrong with
	dropped       atomic.Uint64 // since the last line
	written, lost prometheus.Counter
}

// line is what is logged of a call.
type line struct {
	level                             slog.Level
	operation, status                 string
	service, peer, caller, trace, why string
	took                              time.Duration
	dropped                           uint64 // calls not logged before this one
}

// NewAccessLog returns a log whose lines are written by Run.
func NewAccessLog(reg prometheus.Registerer, clock func() time.Time, cfg LogConfig) (*AccessLog, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &AccessLog{
		cfg: cfg, clock: clock, begun: clock(), lines: make(chan *line, int(cfg.Burst)),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fairway_access_log_lines_total", Help: "Calls that were logged.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fairway_access_log_dropped_total", Help: "Calls that were to be logged and were not: too many, or nobody took the lines.",
		}),
	}
	reg.MustRegister(l.written, l.lost)
	return l, nil
}

// unary tells of a call that ended.
func (l *AccessLog) unary(ctx context.Context, operation string, in any, code codes.Code, err error, took time.Duration) {
	if code == codes.OK && took <= l.cfg.Slow && !l.sampled() {
		return
	}
	c := l.call(ctx, operation, code, err, took)
	if asked, ok := in.(interface{ GetService() string }); ok {
		c.service = short(asked.GetService())
	}
	l.put(c)
}

// stream tells of a stream that ended; how long it was open says nothing.
func (l *AccessLog) stream(ctx context.Context, operation string, code codes.Code, err error, took time.Duration) {
	if code != codes.OK || l.sampled() {
		l.put(l.call(ctx, operation, code, err, took))
	}
}

// HTTP applies the same filter to a handler: a status of 400 or more is an error.
func (l *AccessLog) HTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, answer := l.clock(), &answer{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		took := l.clock().Sub(start)
		if answer.status < 400 && took <= l.cfg.Slow && !l.sampled() {
			return
		}
		c := &line{operation: r.Method + " " + short(r.URL.Path), status: strconv.Itoa(answer.status), peer: r.RemoteAddr, took: took}
		if answer.status >= 500 {
			c.level = slog.LevelWarn
		}
		l.put(c)
	})
}

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// sampled is true for every n-th call that nothing is wrong with.
func (l *AccessLog) sampled() bool {
	if l.cfg.Part <= 0 {
		return false
	}
	n := float64(l.fine.Add(1))
	return math.Floor(n*l.cfg.Part) > math.Floor((n-1)*l.cfg.Part)
}

// put hands the line to Run, where rate and queue allow it.
func (l *AccessLog) put(c *line) {
	if !l.allowed() {
		l.drop()
		return
	}
	c.dropped = l.dropped.Swap(0)
	select {
	case l.lines <- c:
	default:
		l.dropped.Add(c.dropped)
		l.drop()
	}
}

func (l *AccessLog) drop() {
	l.dropped.Add(1)
	l.lost.Inc()
}

// allowed is the generic cell rate algorithm (ITU-T I.371) in one number, the
// time at which all lines so far would have been due at an even pace.
func (l *AccessLog) allowed() bool {
	now := int64(l.clock().Sub(l.begun))
	apart := float64(time.Second) / l.cfg.PerSecond
	ahead := int64(apart * (l.cfg.Burst - 1))
	for {
		due := l.due.Load()
		if due-now > ahead {
			return false
		}
		if l.due.CompareAndSwap(due, max(due, now)+int64(apart)) {
			return true
		}
	}
}

// call is the line of a call. Strings are cut, and copied: a message's share
// one buffer.
func (l *AccessLog) call(ctx context.Context, operation string, code codes.Code, err error, took time.Duration) *line {
	c := &line{operation: operation, status: code.String(), took: took}
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		c.peer = p.Addr.String()
	}
	if l.Who != nil {
		c.caller = l.Who(ctx)
	}
	c.trace = traceOf(ctx)
	if err != nil {
		c.why = short(status.Convert(err).Message())
	}
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		c.level = slog.LevelWarn // not the caller's fault
	}
	return c
}

// traceOf is the trace that the call belongs to: ours, else the caller's where
// we trace nothing, by its W3C trace context.
func traceOf(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		parents := metadata.ValueFromIncomingContext(ctx, "traceparent")
		if len(parents) == 0 {
			return ""
		}
		span = trace.SpanContextFromContext(propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parents[0]}))
	}
	if !span.IsValid() {
		return ""
	}
	return span.TraceID().String()
}

// short cuts a text that somebody else wrote.
func short(text string) string {
	const most = 200
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.Clone(text)
}

// Run writes the lines to log until ctx ends, and then those that are left.
func (l *AccessLog) Run(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case c := <-l.lines:
			l.write(log, c)
		case <-ctx.Done():
			for {
				select {
				case c := <-l.lines:
					l.write(log, c)
				default:
					return
				}
			}
		}
	}
}

func (l *AccessLog) write(log *slog.Logger, c *line) {
	attrs := []slog.Attr{slog.String("operation", c.operation), slog.String("status", c.status), slog.Duration("took", c.took)}
	for _, said := range [][2]string{{"service", c.service}, {"peer", c.peer}, {"caller", c.caller}, {"trace", c.trace}, {"error", c.why}} {
		if said[1] != "" {
			attrs = append(attrs, slog.String(said[0], said[1]))
		}
	}
	if c.dropped > 0 {
		attrs = append(attrs, slog.Uint64("not_logged", c.dropped))
	}
	log.LogAttrs(context.Background(), c.level, "call", attrs...)
	l.written.Inc()
}
