// Package caddy is a module for Caddy: a selection policy of its reverse proxy that
// picks by fairway's weights.
//
//	reverse_proxy 127.0.0.1:9001 127.0.0.1:9002 {
//	    lb_policy fairway {
//	        target 127.0.0.1:7443
//	        service web
//	    }
//	}
//
// It listens to a daemon's Watch and picks locally, so a request waits for nobody.
// An upstream that Caddy finds unhealthy or full is passed over. Where there are no
// weights that hold, another policy of Caddy picks, and a metric tells why.
//
// The module has a go.mod of its own: Caddy's dependencies are not fairway's.
package caddy
