// Package istio translates Istio's VirtualService and DestinationRule into rules,
// and reports where PeerAuthentication and DestinationRule ask for less than strict
// mutual TLS. It reads them with the types of istio.io/api.
//
// What a field says either comes along, or is refused with its name, file and line,
// because it decides where a request goes and fairway cannot say it, or is left to
// the proxy with a warning, because it does not. Nothing is passed over in silence.
// docs/istio.md has the table of all fields; TestEveryField keeps it whole.
//
// Like Istio's, the rules of a service are tried in order and the first that
// matches wins. A rule with several matches becomes a route for each, named NAME,
// NAME/2, NAME/3; a rule without a name is called OBJECT.1, OBJECT.2 by its place.
package istio
