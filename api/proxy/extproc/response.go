package extproc

import (
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// The headers that are ours to set.
const (
	endpointHeader = "x-fairway-endpoint"
	subsetHeader   = "x-fairway-subset"
	routeHeader    = "x-fairway-route"
	addressHeader  = "x-envoy-original-dst-host"
)

// trusted are those by which an Envoy may choose where a request goes.
var trusted = []string{endpointHeader, subsetHeader, routeHeader, addressHeader}

// decided tells Envoy what was decided. The route is chosen anew, since it may depend
// on what is said here.
func decided(d *fairwayv1.Decision, brought map[string]string, address bool) *procv3.ProcessingResponse {
	m := &procv3.HeaderMutation{SetHeaders: make([]*corev3.HeaderValueOption, 0, 8)}
	set := func(name, text string) {
		m.SetHeaders = append(m.SetHeaders, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: name, RawValue: []byte(text)},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	set(endpointHeader, d.Endpoint.Name)
	set(subsetHeader, d.Destination.Subset)
	set(routeHeader, d.Route)
	if address && d.Endpoint.Address != "" {
		set(addressHeader, d.Endpoint.Address)
	} else if _, there := brought[addressHeader]; there {
		m.RemoveHeaders = []string{addressHeader}
	}
	set("x-envoy-upstream-rq-timeout-ms", milliseconds(d.Timeout))
	if d.Retries > 0 {
		set("x-envoy-max-retries", strconv.Itoa(int(d.Retries)))
		if d.RetryOn != "" {
			set("x-envoy-retry-on", d.RetryOn)
		}
		if d.PerTryTimeout != nil {
			set("x-envoy-upstream-rq-per-try-timeout-ms", milliseconds(d.PerTryTimeout))
		}
	}
	out := onward(m)
	out.DynamicMetadata = balancing(d)
	return out
}

func milliseconds(d *durationpb.Duration) string {
	return strconv.FormatInt(max(1, d.AsDuration().Milliseconds()), 10)
}

// balancing is what Envoy's subset load balancing goes by.
func balancing(d *fairwayv1.Decision) *structpb.Struct {
	fields := map[string]*structpb.Value{"endpoint": structpb.NewStringValue(d.Endpoint.Name)}
	if d.Endpoint.Subset != "" {
		fields["subset"] = structpb.NewStringValue(d.Endpoint.Subset)
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{"envoy.lb": structpb.NewStructValue(&structpb.Struct{Fields: fields})}}
}

func onward(m *procv3.HeaderMutation) *procv3.ProcessingResponse {
	return &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestHeaders{RequestHeaders: &procv3.HeadersResponse{
		Response: &procv3.CommonResponse{HeaderMutation: m, ClearRouteCache: m != nil},
	}}}
}

// untouched answers the headers of requests that go on as they are. It is shared.
var untouched = onward(nil)

// unchanged lets a request go on, without what only we may say.
func unchanged(brought map[string]string) *procv3.ProcessingResponse {
	remove := slices.DeleteFunc(slices.Clone(trusted), func(name string) bool { _, there := brought[name]; return !there })
	if len(remove) == 0 {
		return untouched
	}
	return onward(&procv3.HeaderMutation{RemoveHeaders: remove})
}

// passed lets everything else go on; nil for what asks for no answer. They are shared.
func passed(in *procv3.ProcessingRequest) *procv3.ProcessingResponse {
	switch in.GetRequest().(type) {
	case *procv3.ProcessingRequest_ResponseHeaders:
		return responseHeaders
	case *procv3.ProcessingRequest_RequestBody:
		return requestBody
	case *procv3.ProcessingRequest_ResponseBody:
		return responseBody
	case *procv3.ProcessingRequest_RequestTrailers:
		return requestTrailers
	case *procv3.ProcessingRequest_ResponseTrailers:
		return responseTrailers
	}
	return nil
}

var (
	responseHeaders  = &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &procv3.HeadersResponse{}}}
	requestBody      = &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestBody{RequestBody: &procv3.BodyResponse{}}}
	responseBody     = &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseBody{ResponseBody: &procv3.BodyResponse{}}}
	requestTrailers  = &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestTrailers{RequestTrailers: &procv3.TrailersResponse{}}}
	responseTrailers = &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: &procv3.TrailersResponse{}}}
)
