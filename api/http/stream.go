package http

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// stream is a grpc.ServerStream over one HTTP request.
type stream struct {
	ctx  context.Context
	recv func(any) error
	head func(metadata.MD)
	send func(any) error
}

func (s *stream) Context() context.Context       { return s.ctx }
func (s *stream) RecvMsg(m any) error            { return s.recv(m) }
func (s *stream) SendMsg(m any) error            { return s.send(m) }
func (s *stream) SetTrailer(metadata.MD)         {}
func (s *stream) SendHeader(m metadata.MD) error { return s.SetHeader(m) }

func (s *stream) SetHeader(m metadata.MD) error {
	if s.head != nil {
		s.head(m)
	}
	return nil
}

// run calls a stream of the Router as gRPC would.
func (h *Handler) run(name string, s *stream) error {
	desc := descOf(name)
	info := &grpc.StreamServerInfo{FullMethod: fullMethod(name), IsClientStream: desc.ClientStreams, IsServerStream: desc.ServerStreams}
	next := desc.Handler
	if h.guard != nil {
		next = func(server any, s grpc.ServerStream) error { return h.guard.Stream(server, s, info, desc.Handler) }
	}
	return h.metrics.Stream(h.server, s, info, next)
}
