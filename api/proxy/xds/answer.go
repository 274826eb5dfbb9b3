package xds

import (
	"context"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
)

// answer is what is sent to one request. It implements what the state-of-the-world
// and the delta responses of go-control-plane have in common.
type answer struct {
	ctx     context.Context
	version string // of the table
	list    []*resource
	has     map[string]string // what the client has when it has taken this: versions by name
}

func (a *answer) GetContext() context.Context             { return a.ctx }
func (a *answer) GetVersion() (string, error)             { return a.version, nil }
func (a *answer) GetSystemVersion() (string, error)       { return a.version, nil }
func (a *answer) GetResponseVersion() string              { return a.version }
func (a *answer) GetReturnedResources() map[string]string { return a.has }
func (a *answer) GetNextVersionMap() map[string]string    { return a.has }

// state is an answer in the state-of-the-world form.
type state struct {
	*answer
	request *cache.Request
}

func (s state) GetRequest() *discoveryv3.DiscoveryRequest { return s.request }

func (s state) GetDiscoveryResponse() (*discoveryv3.DiscoveryResponse, error) {
	out := &discoveryv3.DiscoveryResponse{VersionInfo: s.version, TypeUrl: s.request.GetTypeUrl()}
	for _, r := range s.list {
		out.Resources = append(out.Resources, r.body)
	}
	return out, nil
}

// delta is an answer in the delta form. Nothing is ever removed.
type delta struct {
	*answer
	request *cache.DeltaRequest
}

func (d delta) GetDeltaRequest() *discoveryv3.DeltaDiscoveryRequest { return d.request }

func (d delta) GetDeltaDiscoveryResponse() (*discoveryv3.DeltaDiscoveryResponse, error) {
	out := &discoveryv3.DeltaDiscoveryResponse{SystemVersionInfo: d.version, TypeUrl: d.request.GetTypeUrl()}
	for _, r := range d.list {
		out.Resources = append(out.Resources, &discoveryv3.Resource{Name: r.name, Version: r.version, Resource: r.body})
	}
	return out, nil
}
