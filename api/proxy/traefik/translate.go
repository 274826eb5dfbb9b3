package traefik

import (
	"fmt"
	"hash/fnv"
	"math"
	"net"
	"net/url"
	"regexp"
	"strconv"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// asked is how a document is wanted.
type asked struct {
	hosts   []string // of the routers; none: the service's name where there are several services, else any
	scheme  string   // of the servers' URLs
	health  string   // path that Traefik checks; "": it does not
	routers bool
	many    bool // services are asked about
}

// whole is what the weights of the servers sum to. Traefik's are whole numbers.
const whole = 1000

// serversOf are the endpoints that get traffic on a route; a share that is not 0 is
// at least 1 of whole. usable is false where there are none, or where Traefik cannot
// be told where one is.
func serversOf(w *fairwayv1.ServiceWeights, route *fairwayv1.RouteWeights, scheme string) (list []server, usable bool) {
	byName := make(map[string]*fairwayv1.Endpoint, len(w.Endpoints))
	for _, e := range w.Endpoints {
		byName[e.Name] = e
	}
	for _, ew := range route.Weights {
		if !(ew.Weight > 0) {
			continue
		}
		at, known := urlOf(byName[ew.Endpoint], scheme)
		if !known {
			return nil, false
		}
		list = append(list, server{at, max(1, int(math.Round(whole*min(ew.Weight, 1))))})
	}
	return list, len(list) > 0
}

// urlOf is where an endpoint is. Where the metrics know it by its address, the name
// is that.
func urlOf(e *fairwayv1.Endpoint, scheme string) (at string, known bool) {
	address := e.GetAddress()
	if address == "" {
		address = e.GetName()
	}
	host, port, err := net.SplitHostPort(address)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" {
		return "", false
	}
	u, err := url.Parse(scheme + "://" + address)
	if err != nil || u.Host != address || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", false
	}
	return u.String(), true
}

// plainOf is the route of a request that says nothing about itself.
func plainOf(w *fairwayv1.ServiceWeights) *fairwayv1.RouteWeights {
	for _, r := range w.Routes {
		if r.Met && len(r.Match) == 0 {
			return r
		}
	}
	return nil
}

// routersOf finds the route of a request as the rules do: the first that matches has
// the highest priority. Routes whose criteria are not met are not taken. name tells
// how a route's service is called.
func routersOf(w *fairwayv1.ServiceWeights, hosts []string, name func(route string) (string, bool)) (map[string]router, error) {
	routers := map[string]router{}
	for i, r := range w.Routes {
		if !r.Met && !r.MatchesAll {
			continue
		}
		rule, err := ruleOf(r, hosts)
		if err != nil {
			return nil, fmt.Errorf("service %q, %w", w.Service, err)
		}
		if service, there := name(r.Name); there {
			routers[service] = router{rule, len(w.Routes) - i, service}
		}
		if len(r.Match) == 0 { // nothing comes to those after it
			break
		}
	}
	return routers, nil
}

var strange = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// named is how Traefik calls the servers of a route, or "" for those of a request
// that says nothing about itself: without characters that mean something to Traefik,
// and otherwise than all others.
func named(service, route string) string {
	if route == "" {
		return plain(service)
	}
	return plain(service) + "_" + plain(route)
}

func plain(name string) string {
	out := strange.ReplaceAllString(name, "-")
	if out == name {
		return name
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return fmt.Sprintf("%s-%08x", out, h.Sum32())
}
