package http

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api"
)

// message is a pointer to a generated struct.
type message[T any] interface {
	*T
	proto.Message
}

// unary serves a call: read fills its message from the request, write answers.
func unary[I, O any, PI message[I], PO message[O]](h *Handler, name string, read func(*Handler, http.ResponseWriter, *http.Request, proto.Message) error,
	call func(context.Context, PI) (PO, error), write func(http.ResponseWriter, *http.Request, proto.Message)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in := PI(new(I))
		out, err := ask(h, r, name, in, func() error { return read(h, w, r, in) }, call)
		if err != nil {
			fail(w, err)
			return
		}
		h.hasten(w)
		write(w, r, out)
	}
}

// ask makes a call of the API: counted, and permitted once read has filled in.
func ask[PI proto.Message, O any](h *Handler, r *http.Request, name string, in PI, read func() error, call func(context.Context, PI) (O, error)) (out O, err error) {
	info := &grpc.UnaryServerInfo{Server: h.server, FullMethod: fullMethod(name)}
	if descOf(name) != nil { // permitted as a stream, and not counted as one
		info.FullMethod = fullMethod(name + "Once")
	}
	ctx, cancel := context.WithTimeout(h.context(r), h.cfg.Timeout)
	defer cancel()
	_, err = h.metrics.Unary(ctx, in, info, func(ctx context.Context, _ any) (any, error) {
		if err := read(); err != nil {
			return nil, err
		}
		if h.guard != nil {
			if err := h.guard.Allow(ctx, fullMethod(name), in); err != nil {
				return nil, err
			}
		}
		var err error
		if out, err = call(ctx, in); err == nil && h.guard != nil {
			out = h.guard.Bare(ctx, out).(O)
		}
		return out, err
	})
	return out, err
}

// hasten bounds how long a client may take to read the answer.
func (h *Handler) hasten(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.cfg.Timeout)) // where the connection has one
}

// context knows who calls, as that of a gRPC call does.
func (h *Handler) context(r *http.Request) context.Context {
	p := &peer.Peer{Addr: remote(r.RemoteAddr)}
	if h.guard != nil {
		p.AuthInfo = h.guard.Peer(r.TLS, r.RemoteAddr)
	}
	ctx := peer.NewContext(r.Context(), p)
	if parent := r.Header.Get("Traceparent"); parent != "" {
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("traceparent", parent))
	}
	return ctx
}

// remote is an address as net/http has it.
type remote string

func (remote) Network() string  { return "tcp" }
func (a remote) String() string { return string(a) }

// body reads the message from the request's body.
func body(h *Handler, w http.ResponseWriter, r *http.Request, in proto.Message) error {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.cfg.Timeout)) // where the connection has one
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBytes))
	if err != nil {
		return unread(err)
	}
	return parse(text, in, "")
}

// parse reads JSON. A name that the message does not have is refused: it may be
// a slip of the pen. where goes before what is wrong.
func parse(text []byte, in proto.Message, where string) error {
	if err := protojson.Unmarshal(text, in); err != nil {
		return api.Invalid("body", "is not what is asked for: "+where+strings.TrimLeft(strings.TrimPrefix(err.Error(), "proto:"), " \u00a0"))
	}
	return nil
}

// unread is why a body did not come.
func unread(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) || errors.Is(err, errTooLarge) {
		return errTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTooSlow
	}
	return status.Errorf(codes.Canceled, "the body ended early: %v", err)
}

var (
	errTooLarge = status.Error(codes.ResourceExhausted, "the body is too large")
	errTooSlow  = status.Error(codes.DeadlineExceeded, "the body took too long to come")
)
