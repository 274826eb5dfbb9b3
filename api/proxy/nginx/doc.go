// Package nginx gives decisions to nginx: the weights of a service to a timer in
// lua, which picks by them, and, for each request, one endpoint to auth_request.
// Both leave nginx to its own balancing where nothing is known; examples/nginx-lua
// and examples/nginx-auth have nginx's side.
package nginx
