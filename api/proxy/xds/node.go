package xds

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// client is who asks, as far as it decides what it is told.
type client struct {
	kind   kind
	source mesh.Source
}

// identify reads a node: what says "gRPC …" of itself is one, everything else an
// Envoy. The labels of the source are the texts of the metadata, and those in
// metadata.labels or, as Istio has them, metadata.LABELS; the zone is the locality's.
func identify(n *corev3.Node) client {
	c := client{source: mesh.Source{Zone: n.GetLocality().GetZone(), Labels: map[string]string{}}}
	if strings.HasPrefix(strings.ToLower(n.GetUserAgentName()), "grpc") {
		c.kind = grpcClient
	}
	fields := n.GetMetadata().GetFields()
	for name, v := range fields {
		if text := v.GetStringValue(); text != "" {
			c.source.Labels[name] = text
		}
	}
	for _, name := range []string{"labels", "LABELS"} {
		for label, v := range fields[name].GetStructValue().GetFields() {
			c.source.Labels[label] = v.GetStringValue()
		}
	}
	return c
}

// asked are the labels of the source that the rules look at, sorted; zone tells
// whether they look at its zone.
func asked(list []*rules.Route) (labels []string, zone bool) {
	found := map[string]bool{}
	for _, rule := range list {
		for i := range rule.Match {
			switch c := &rule.Match[i]; c.Of {
			case rules.Label:
				found[c.Name] = true
			case rules.Zone:
				zone = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), zone
}

// key tells clients apart whose routes differ.
func (c *client) key(labels []string, zone bool) string {
	if len(labels) == 0 && !zone {
		return ""
	}
	var b strings.Builder
	if zone {
		b.WriteString(strconv.Quote(c.source.Zone))
	}
	for _, name := range labels {
		if value, there := c.source.Labels[name]; there {
			b.WriteString(strconv.Quote(value))
		}
		b.WriteByte(',')
	}
	return b.String()
}
