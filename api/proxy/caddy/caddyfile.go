package caddy

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// UnmarshalCaddyfile reads
//
//	lb_policy fairway [<service>] {
//	    target <address...>
//	    service <name>
//	    session_key <text with placeholders>
//	    identity <directory>
//	    fallback <policy> [...]
//	}
func (p *Policy) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	if d.NextArg() {
		p.Service = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "target":
			more := d.RemainingArgs()
			if len(more) == 0 {
				return d.ArgErr()
			}
			p.Targets = append(p.Targets, more...)
		case "service":
			err = once(d, &p.Service)
		case "session_key":
			err = once(d, &p.SessionKey)
		case "identity":
			err = once(d, &p.Identity)
		case "fallback":
			err = p.readFallback(d)
		default:
			err = d.Errf("unrecognized option %q; want target, service, session_key, identity or fallback", d.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// once reads the only value of an option.
func once(d *caddyfile.Dispenser, into *string) error {
	option := d.Val()
	if *into != "" {
		return d.Errf("%s stands twice", option)
	}
	if !d.Args(into) || d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func (p *Policy) readFallback(d *caddyfile.Dispenser) error {
	if p.FallbackRaw != nil {
		return d.Err("fallback stands twice")
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, "http.reverse_proxy.selection_policies."+name)
	if err != nil {
		return err
	}
	if _, is := module.(reverseproxy.Selector); !is {
		return d.Errf("%s (%T) selects no upstream", name, module)
	}
	p.FallbackRaw = caddyconfig.JSONModuleObject(module, "policy", name, nil)
	return nil
}

var _ caddyfile.Unmarshaler = (*Policy)(nil)
