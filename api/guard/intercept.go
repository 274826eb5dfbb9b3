package guard

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// Unary is the interceptor of unary calls.
func (g *Guard) Unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	who, granted, err := g.permit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	if err := g.admit(who, granted, info.FullMethod, in); err != nil {
		return nil, err
	}
	out, err := next(ctx, in)
	if tier := who.caller.subject.Load().Tier(); tier != 0 && err == nil {
		out = bare(tier, out)
	}
	return out, err
}

// Stream is the interceptor of streams. Each message that comes is judged.
func (g *Guard) Stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	who, p, err := g.permit(s.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	c := who.caller
	defer c.streams.Add(-1)
	if c.streams.Add(1) > int64(g.limits.Streams) {
		c.subject.Load().Exceeded(threat.Streams)
		g.refused[manyStreams].Inc()
		return refusal(codes.ResourceExhausted, manyStreams, fmt.Sprintf("%s has %d streams open, and may have no more", c.name, g.limits.Streams),
			map[string]string{"identity": c.name})
	}
	return next(srv, &stream{ServerStream: s, guard: g, peer: who, permit: p, method: info.FullMethod})
}

type stream struct {
	grpc.ServerStream
	guard  *Guard
	peer   *Peer
	permit *permit
	method string
}

// RecvMsg judges by what is permitted now: a stream may outlive a grant.
func (s *stream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if p := s.peer.caller.permits.Load().of(s.method); p != nil {
		s.permit = p
		return s.guard.admit(s.peer, p, s.method, m)
	}
	_, _, err := s.guard.permit(s.Context(), s.method)
	return err
}

// SendMsg ends streams that tell much when little is asked, such as a Watch, when
// the caller has become a threat.
func (s *stream) SendMsg(m any) error {
	tier := s.peer.caller.subject.Load().Tier()
	if tier == 0 || !tier.Enforced() {
		return s.ServerStream.SendMsg(m)
	}
	if err := s.guard.tighten(s.peer, tier, s.method); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(bare(tier, m))
}
