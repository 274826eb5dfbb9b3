package dns

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/target"
)

// Name is one name to ask for.
type Name struct {
	Name    string // ends in a dot where no search list shall be tried
	Port    int    // of all its addresses; 0: SRV records are asked for, which say it
	Service string // what the service is called; several names of one are put together
}

// Parse reads NAME:PORT, whose addresses are asked for, or _SERVICE._PROTO.NAME, which
// has SRV records. With CALLED= before it the service is called so, and else as the
// name is, without the parts that begin with _.
func Parse(text string) (Name, error) {
	const want = "want one such as reviews.example:9080, _http._tcp.reviews.example, or reviews=_http._tcp.reviews.example"
	service, name, called := strings.Cut(text, "=")
	if !called {
		service, name = "", text
	}
	n := Name{Name: name, Service: service}
	if host, port, ok := strings.Cut(name, ":"); ok {
		number, err := strconv.Atoi(port)
		if err != nil || number < 1 || number > 65535 {
			return Name{}, fmt.Errorf("dns discovery: %.200q: port %.20q is none from 1 to 65535; %s", text, port, want)
		}
		n.Name, n.Port = host, number
	} else if !strings.HasPrefix(name, "_") {
		return Name{}, fmt.Errorf("dns discovery: %.200q has no port; %s", text, want)
	}
	if service == "" {
		n.Service = strings.TrimSuffix(n.base(), ".")
	}
	if err := n.validate(); err != nil || called && service == "" {
		return Name{}, fmt.Errorf("dns discovery: %.200q is no name; %s", text, want)
	}
	return n, nil
}

func (n Name) validate() error {
	if _, ok := dns.IsDomainName(n.Name); !ok || n.Service == "" || n.Port < 0 || n.Port > 65535 || strings.Trim(n.base(), ".") == "" || strings.ContainsAny(n.Name, " \t\n\\/") {
		return fmt.Errorf("dns discovery: name %.200q, port %d, service %.200q; want a domain name, a port or 0, and a service", n.Name, n.Port, n.Service)
	}
	return nil
}

// base is the name without what begins with _.
func (n Name) base() string {
	rest := n.Name
	for strings.HasPrefix(rest, "_") {
		_, after, ok := strings.Cut(rest, ".")
		if !ok {
			return ""
		}
		rest = after
	}
	return rest
}

// service is what is known before anything is asked.
func (n Name) service() *discovery.Service {
	s := &discovery.Service{Name: n.Service, Source: "dns", Port: discovery.Port{Number: n.Port}}
	base := strings.TrimSuffix(n.base(), ".")
	labels := strings.SplitN(base, ".", 4)
	s.Names = []string{base, strings.TrimSuffix(n.Name, "."), labels[0]}
	if len(labels) == 4 && labels[2] == "svc" { // one of Kubernetes
		_, short := discovery.ClusterNames(labels[0], labels[1], labels[3], discovery.Port{}, true)
		s.Names, s.Namespace = append(s.Names, short...), labels[1]
	}
	if first, _, ok := strings.Cut(n.Name, "."); ok && strings.HasPrefix(first, "_") {
		s.Port.Name = first[1:]
		s.Port.Protocol = target.Protocol(s.Port.Name)
	}
	s.Names = target.Tidy(s.Names, s.Name)
	return s
}
