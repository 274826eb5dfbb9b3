package main

import (
	apihttp "github.com/fairway-mesh/fairway/api/http"
	"github.com/fairway-mesh/fairway/api/proxy/nginx"
	"github.com/fairway-mesh/fairway/api/proxy/traefik"
)

// mountProxies serves the adapters that speak HTTP beside the API over HTTP.
func (d *daemon) mountProxies(h *apihttp.Handler) {
	n := nginx.New(h, d.proxies)
	h.Mount("GET /proxy/nginx/weights", n.Weights)
	h.Mount("/proxy/nginx/auth", n.Auth)
	h.Mount("GET /proxy/traefik", traefik.New(h, d.proxies).ServeHTTP)
}
