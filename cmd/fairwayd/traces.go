package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// traces sends spans of calls to a collector. Where nobody asks for traces it is
// nil, and calls cost nothing more.
type traces struct {
	provider *trace.TracerProvider
	exporter trace.SpanExporter
	log      *slog.Logger
}

// openTraces begins to trace where a flag or the standard environment says so.
// A collector that is not there is no error: spans are dropped meanwhile.
func (o *telemetryOptions) openTraces(ctx context.Context, log *slog.Logger) (*traces, error) {
	where := o.otlp
	if where == "" {
		where = environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	if where == "" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	if p := environment("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" && p != "grpc" {
		log.Warn("OTLP goes over gRPC, whatever OTEL_EXPORTER_OTLP_PROTOCOL says", "protocol", p)
	}
	var to []otlptracegrpc.Option
	if o.otlp != "" {
		to = append(to, otlptracegrpc.WithEndpointURL(o.otlp))
	}
	exporter, err := otlptracegrpc.New(ctx, to...)
	if err != nil {
		return nil, fmt.Errorf("--otlp %s: %w", masked(where), err)
	}
	options := []trace.TracerProviderOption{trace.WithBatcher(exporter), trace.WithResource(traced(ctx, log))}
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		options = append(options, trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(o.tracePart))))
	}
	otel.SetErrorHandler(seldom(log))
	log.Info("tracing", "collector", masked(where))
	return &traces{trace.NewTracerProvider(options...), exporter, log}, nil
}

// seldom logs trouble with traces, once a minute at most: a collector that is
// away fails each batch.
func seldom(log *slog.Logger) otel.ErrorHandler {
	var next atomic.Int64
	return otel.ErrorHandlerFunc(func(err error) {
		now := time.Now().Unix()
		if due := next.Load(); now >= due && next.CompareAndSwap(due, now+60) {
			log.Warn("traces are not taken", "error", masked(err.Error()))
		}
	})
}

// traced says of what the spans are. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES come before what is known here.
func traced(ctx context.Context, log *slog.Logger) *resource.Resource {
	r, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "fairwayd"), attribute.String("service.version", thisBuild().Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithFromEnv())
	if err != nil {
		log.Warn("the traces' resource is not complete", "error", err)
	}
	return r
}

// options make a server trace its calls, as part of the caller's trace where it
// sends one (W3C trace context). Health checks are left out.
func (t *traces) options() []grpc.ServerOption {
	if t == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithFilter(func(i *stats.RPCTagInfo) bool { return !strings.HasPrefix(i.FullMethodName, "/grpc.health.") }),
	))}
}

// close sends the spans that are left, for as long as calls may take to end, and
// then gives up what is still being sent.
func (t *traces) close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces are lost", "error", masked(err.Error()))
		t.exporter.Shutdown(ctx) // whose time is over: it cancels, and waits for nothing
	}
}
