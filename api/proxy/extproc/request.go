package extproc

import (
	"context"
	"net"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// What the configuration of Envoy may say: in metadata (namespace), in the initial
// metadata of a stream, and as an attribute.
const (
	namespace   = "fairway"
	serviceKey  = "fairway-service"
	originalDst = "fairway-original-dst"
	clusterName = "xds.cluster_name"
)

// attributes is the key under which the filter sends its attributes.
const attributes = "envoy.filters.http.ext_proc"

// value is a header's, in whichever field it is. What is not UTF-8 is replaced, as by
// the API over HTTP: else a stranger's byte would leave a request undecided.
func value(h *corev3.HeaderValue) string {
	text := h.GetValue()
	if len(h.GetRawValue()) > 0 {
		text = string(h.GetRawValue())
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// read makes the question of the headers. Of headers that stand twice, the values are
// joined, as HTTP allows, and cookies as a browser does.
func read(list []*corev3.HeaderValue) *fairwayv1.DecideRequest {
	out := &fairwayv1.DecideRequest{Headers: make(map[string]string, len(list))}
	for _, h := range list {
		name, text := strings.ToLower(h.GetKey()), value(h)
		switch {
		case name == ":method":
			out.Method = text
		case name == ":path":
			out.Path = text
		case name == ":authority":
			out.Host = text
		case strings.HasPrefix(name, ":"):
		default:
			if before, twice := out.Headers[name]; twice {
				separator := ","
				if name == "cookie" {
					separator = "; "
				}
				text = before + separator + text
			}
			out.Headers[name] = text
		}
	}
	return out
}

// said are the fields of the metadata that are for us.
func said(in *procv3.ProcessingRequest) map[string]*structpb.Value {
	return in.GetMetadataContext().GetFilterMetadata()[namespace].GetFields()
}

// service is the one that is asked for; known tells which the table has.
func service(ctx context.Context, in *procv3.ProcessingRequest, host string, known func(string) bool) string {
	if name := said(in)["service"].GetStringValue(); name != "" {
		return name
	}
	if list := metadata.ValueFromIncomingContext(ctx, serviceKey); len(list) > 0 {
		return list[0]
	}
	if name := in.GetAttributes()[attributes].GetFields()[clusterName].GetStringValue(); name != "" {
		return name
	}
	return byHost(host, known)
}

// byHost tries the names that a host stands for, and is the host itself where none is
// known.
func byHost(host string, known func(string) bool) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	short := strings.TrimSuffix(strings.TrimSuffix(host, ".svc.cluster.local"), ".svc")
	for _, name := range []string{host, short, strings.TrimSuffix(short, ".default")} {
		if known(name) {
			return name
		}
	}
	return host
}

// source is who asks, as far as the metadata says it: zone, and labels by name.
func source(fields map[string]*structpb.Value) *fairwayv1.DecideRequest_Source {
	zone, labels := fields["zone"].GetStringValue(), fields["labels"].GetStructValue().GetFields()
	if zone == "" && len(labels) == 0 {
		return nil
	}
	out := &fairwayv1.DecideRequest_Source{Zone: zone, Labels: make(map[string]string, len(labels))}
	for name, v := range labels {
		out.Labels[name] = v.GetStringValue()
	}
	return out
}
