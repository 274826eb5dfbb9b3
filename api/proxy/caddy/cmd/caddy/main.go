// Command caddy is Caddy with its standard modules and fairway's.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/fairway-mesh/fairway/api/proxy/caddy"
)

func main() { caddycmd.Main() }
