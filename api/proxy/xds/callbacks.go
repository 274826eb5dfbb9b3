package xds

import (
	"context"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// callbacks are how go-control-plane's handlers of either form tell a session of what
// a client sends. (Its own type for that would link all services of xDS.)
type callbacks struct{ *session }

func (c callbacks) OnStreamRequest(_ int64, r *discoveryv3.DiscoveryRequest) error {
	c.refused(r.GetTypeUrl(), r.GetNode().GetId(), r.GetErrorDetail())
	return nil
}

func (c callbacks) OnStreamDeltaRequest(_ int64, r *discoveryv3.DeltaDiscoveryRequest) error {
	c.refused(r.GetTypeUrl(), r.GetNode().GetId(), r.GetErrorDetail())
	return nil
}

func (callbacks) OnStreamOpen(context.Context, int64, string) error      { return nil }
func (callbacks) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }
func (callbacks) OnStreamClosed(int64, *corev3.Node)                     {}
func (callbacks) OnDeltaStreamClosed(int64, *corev3.Node)                {}

func (callbacks) OnStreamResponse(context.Context, int64, *discoveryv3.DiscoveryRequest, *discoveryv3.DiscoveryResponse) {
}

func (callbacks) OnStreamDeltaResponse(int64, *discoveryv3.DeltaDiscoveryRequest, *discoveryv3.DeltaDiscoveryResponse) {
}
