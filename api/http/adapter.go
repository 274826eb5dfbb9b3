package http

import (
	"net/http"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// Mount serves an adapter for a proxy at a path, beside the API itself. What it asks
// by Decide and Weights is guarded, limited and counted as what others ask is.
func (h *Handler) Mount(path string, adapter http.HandlerFunc) {
	h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		h.hasten(w)
		adapter(w, r)
	})
}

// Decide decides the request that a proxy describes by r, in query and headers as to
// GET /v1/decide; errors are gRPC statuses.
func (h *Handler) Decide(r *http.Request) (*fairwayv1.Decision, error) {
	in := &fairwayv1.DecideRequest{}
	return ask(h, r, "Decide", in, func() error { return asked(h, nil, r, in) }, h.server.Decide)
}

// Weights are those of the services that are named, or of all where none is, for an
// adapter that r has come to; errors are gRPC statuses.
func (h *Handler) Weights(r *http.Request, services ...string) ([]*fairwayv1.ServiceWeights, error) {
	in := &fairwayv1.WatchRequest{Services: services}
	return ask(h, r, "Watch", in, func() error { return nil }, h.server.AllWeights)
}
