package api

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// finer is how much wider a bucket of a native histogram is than the one
// before it: a latency is known within 5 %. Buckets are made where latencies
// fall, some 170 from 1 µs to 10 s, so their number needs no bound, which would
// have to be kept under a lock.
const finer = 1.1

// calls are the metrics of calls, by operation.
type calls struct {
	reg                         prometheus.Registerer
	ended, received, sent       *prometheus.CounterVec
	unaries, messages, lifetime *prometheus.HistogramVec
}

// operation is what is counted of one method of the API.
type operation struct {
	name     string
	calls    *calls
	ended    [codes.Unauthenticated + 1]atomic.Pointer[prometheus.Counter] // each made when it is first needed
	inFlight atomic.Int64
	// took is the time of a whole call; nil where calls and streams are one.
	took prometheus.Observer
	// answered is the time from a message of a stream to its answer; nil where
	// they do not come in pairs.
	answered       prometheus.Observer
	received, sent prometheus.Counter
}

func newCalls(reg prometheus.Registerer) *calls {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"operation"}, labels...))
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: buckets, NativeHistogramBucketFactor: finer,
		}, []string{"operation"})
	}
	c := &calls{
		reg:      reg,
		ended:    counter("fairway_requests_total", "Calls of the API that ended, by operation and gRPC status.", "grpc_status"),
		received: counter("fairway_stream_messages_received_total", "Messages that streams of the API brought."),
		sent:     counter("fairway_stream_messages_sent_total", "Messages that streams of the API took away."),
		unaries: histogram("fairway_request_duration_seconds",
			"Latency that this service adds to unary calls: from the arrival of a call's headers until its answer is made. Not in it: the network, and the writing of the answer.",
			prometheus.ExponentialBuckets(10e-6, 2, 16)), // 10 µs to 0.33 s
		messages: histogram("fairway_stream_message_duration_seconds",
			"Latency that this service adds to a decision of a stream: from the reading of a message until its answer is made.",
			prometheus.ExponentialBuckets(1e-6, 2, 16)), // 1 µs to 33 ms
		lifetime: histogram("fairway_stream_duration_seconds", "Time that streams which ended were open.",
			prometheus.ExponentialBuckets(0.1, 4, 10)), // 0.1 s to 7 h
	}
	reg.MustRegister(c.ended, c.received, c.sent, c.unaries, c.messages, c.lifetime)
	return c
}

// operation begins to count calls of a method.
func (c *calls) operation(name string) *operation {
	o := &operation{name: name, calls: c}
	c.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "fairway_requests_in_flight",
		Help:        "Calls of the API that have begun and not ended, open streams among them.",
		ConstLabels: prometheus.Labels{"operation": name},
	}, func() float64 { return float64(o.inFlight.Load()) }))
	return o
}

func (c *calls) unary(name string) *operation {
	o := c.operation(name)
	o.took = c.unaries.WithLabelValues(name)
	o.counter(codes.OK) // a scrape shows it from the beginning
	return o
}

func (c *calls) stream(desc *grpc.StreamDesc) *operation {
	name := desc.StreamName
	o := c.operation(name)
	o.took = c.lifetime.WithLabelValues(name)
	o.received, o.sent = c.received.WithLabelValues(name), c.sent.WithLabelValues(name)
	if desc.ClientStreams && desc.ServerStreams {
		o.answered = c.messages.WithLabelValues(name)
	}
	return o
}

// counter of calls that ended with a code. Two goroutines that need it first
// get the same.
func (o *operation) counter(code codes.Code) prometheus.Counter {
	if int(code) >= len(o.ended) { // a number that gRPC does not define
		code = codes.Unknown
	}
	if known := o.ended[code].Load(); known != nil {
		return *known
	}
	counter := o.calls.ended.WithLabelValues(o.name, code.String())
	o.ended[code].Store(&counter)
	return counter
}

func (o *operation) end(took time.Duration, code codes.Code) {
	if o.took != nil {
		o.took.Observe(took.Seconds())
	}
	o.counter(code).Inc()
}

// Unary is an interceptor that counts and times unary calls, and tells the
// access log of them.
func (m *Metrics) Unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	o := m.operation(info.FullMethod)
	start, ok := Arrived(ctx)
	if !ok {
		start = m.clock()
	}
	o.inFlight.Add(1)
	defer o.inFlight.Add(-1) // also when next panics
	out, err := next(ctx, in)
	took, code := m.clock().Sub(start), codeOf(err)
	o.end(took, code)
	if m.Log != nil {
		m.Log.unary(ctx, o.name, in, code, err, took)
	}
	return out, err
}

// Stream is an interceptor that counts streams when they end, and their
// messages as they come and go, and tells the access log of streams that failed.
func (m *Metrics) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	o := m.operation(info.FullMethod)
	start := m.clock()
	o.inFlight.Add(1)
	defer o.inFlight.Add(-1)
	if o.sent != nil {
		stream = &counted{ServerStream: stream, operation: o, clock: m.clock, begun: start}
	}
	err := next(srv, stream)
	took, code := m.clock().Sub(start), codeOf(err)
	o.end(took, code)
	if m.Log != nil {
		m.Log.stream(stream.Context(), o.name, code, err, took)
	}
	return err
}

func (m *Metrics) operation(method string) *operation {
	if o, ours := m.operations[method]; ours {
		return o
	}
	return m.other
}

// counted is a stream whose messages are counted and, where they come in
// pairs, timed. One goroutine may receive while another sends; a pair is then
// timed from the message that was read last.
type counted struct {
	grpc.ServerStream
	operation *operation
	clock     func() time.Time
	begun     time.Time
	read      atomic.Int64 // ns from begun to the last message
}

func (c *counted) RecvMsg(m any) error {
	err := c.ServerStream.RecvMsg(m)
	if err == nil {
		c.operation.received.Inc()
		if c.operation.answered != nil {
			c.read.Store(int64(c.clock().Sub(c.begun)))
		}
	}
	return err
}

func (c *counted) SendMsg(m any) error {
	if c.operation.answered != nil { // before sending, which waits for a slow client
		c.operation.answered.Observe((c.clock().Sub(c.begun) - time.Duration(c.read.Load())).Seconds())
	}
	err := c.ServerStream.SendMsg(m)
	if err == nil {
		c.operation.sent.Inc()
	}
	return err
}

// codeOf is what gRPC tells the client of err.
func codeOf(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	if st, ok := status.FromError(err); ok {
		return st.Code()
	}
	return status.FromContextError(err).Code()
}
