package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// Local is who calls in plaintext from this machine, Anonymous who does from
// elsewhere, which an operator must have asked for.
const (
	Local     = "local"
	Anonymous = "anonymous"
)

// What may be granted beside the names of the Router's methods.
const (
	Health     = "health"     // grpc.health.v1
	Reflection = "reflection" // grpc.reflection
	Metrics    = "metrics"    // /metrics of the admin port
	Admin      = "admin"      // everything else there, profiles among it
	Everything = "*"
)

// Grant lets identities call methods. Several that fit add up.
type Grant struct {
	// Identity is a name, or the beginning of one and "*".
	Identity string `yaml:"identity"`
	// Methods are those of the Router, health, reflection, metrics, admin, or *.
	Methods []string `yaml:"methods"`
	// Services are those that may be asked about; none is all. A Watch or
	// Forecast by who may not ask about all must name its services.
	Services []string `yaml:"services"`
}

// Access is a file: who may call, and how much of it.
type Access struct {
	Allow   []Grant         `yaml:"allow"`
	Limits  Limits          `yaml:"limits"`
	Threats threat.Settings `yaml:"threats"`
}

// DefaultAllow lets every identity of a trust domain do what proxies do, and
// those below /operator/, as well as callers on this machine, everything. Without
// a trust domain, whoever the operator's authority vouches for is taken as a
// proxy.
func DefaultAllow(domain string) []Grant {
	proxies := []string{"Decide", "DecideBatch", "Route", "Watch", "Report", "Forecast", Health, Metrics}
	allow := []Grant{{Identity: Local, Methods: []string{Everything}}}
	if domain == "" {
		return append(allow, Grant{Identity: "*", Methods: proxies})
	}
	return append(allow,
		Grant{Identity: Anonymous, Methods: proxies},
		Grant{Identity: "spiffe://" + domain + "/*", Methods: proxies},
		Grant{Identity: "spiffe://" + domain + "/operator/*", Methods: []string{Everything}})
}

// LoadAccess reads an access file.
func LoadAccess(path string) (Access, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Access{}, err
	}
	access, err := ParseAccess(text)
	if err != nil {
		return Access{}, fmt.Errorf("%s: %w", path, err)
	}
	return access, nil
}

// ParseAccess reads an access file in YAML. Limits and settings of threats that
// it does not name are the defaults; without an allow list Allow is nil, which asks for
// DefaultAllow. A file without a word, or whose list is missing behind its name, is
// refused: it is half written, or the disk is full, and would allow more than it should.
func ParseAccess(text []byte) (Access, error) {
	access := Access{Limits: DefaultLimits(), Threats: threat.DefaultSettings()}
	access.Threats.Hold = 0
	lines := yaml.NewDecoder(bytes.NewReader(text))
	lines.KnownFields(true)
	if err := lines.Decode(&access); err != nil && !errors.Is(err, io.EOF) {
		return Access{}, err
	}
	if err := whole(text, access); err != nil {
		return Access{}, err
	}
	if err := lines.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Access{}, errors.New("more than one document; want one")
	}
	access.settle()
	return access, errors.Join(validate(access.Allow), access.Limits.Validate(), access.Threats.Validate())
}

// whole tells a file that says little from the beginning of one that says more.
func whole(text []byte, access Access) error {
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(text, &keys); err != nil {
		return err
	}
	_, allow := keys["allow"]
	switch {
	case keys == nil:
		return errors.New("the file is empty; write {} where the defaults are meant")
	case allow && access.Allow == nil:
		return errors.New("allow: there is no list; write [] where nobody may call, or no allow where the defaults are meant")
	}
	return nil
}

// settle fills in what was said of threats by older names, or not at all.
func (a *Access) settle() {
	hold := a.Threats.Hold
	if a.Threats.Mode == "" && a.Threats.Overrides == nil {
		a.Threats = threat.DefaultSettings()
	}
	switch {
	case hold != 0:
		a.Threats.Hold = hold
	case a.Limits.Refuse >= time.Second:
		a.Threats.Hold = a.Limits.Refuse
	default:
		a.Threats.Hold = threat.DefaultSettings().Hold
	}
	if !a.Limits.Adaptive {
		a.Threats.Mode = threat.Off
	}
}

// validate reports grants that say nothing, or name what there is not.
func validate(allow []Grant) error {
	var errs []error
	for i, g := range allow {
		where := fmt.Sprintf("allow[%d]", i)
		if err := identityOK(g.Identity); err != nil {
			errs = append(errs, fmt.Errorf("%s: identity %q: %w", where, g.Identity, err))
		}
		if len(g.Methods) == 0 {
			errs = append(errs, fmt.Errorf("%s: no methods; want some of %s", where, strings.Join(names(), ", ")))
		}
		for _, m := range g.Methods {
			if !slices.Contains(names(), m) {
				errs = append(errs, fmt.Errorf("%s: there is no method %q; there are %s", where, m, strings.Join(names(), ", ")))
			}
		}
		if slices.Contains(g.Services, "") {
			errs = append(errs, fmt.Errorf("%s: a service without a name", where))
		}
	}
	return errors.Join(errs...)
}

func identityOK(pattern string) error {
	start, open := strings.CutSuffix(pattern, "*")
	switch {
	case strings.Contains(start, "*"):
		return errors.New("a * stands only at the end")
	case pattern == "*", pattern == Local, pattern == Anonymous:
		return nil
	case strings.HasPrefix(start, "dns:") || strings.HasPrefix(start, "cn:"):
		return nil
	case !strings.HasPrefix(start, "spiffe://"):
		return errors.New("want spiffe://DOMAIN/PATH, dns:NAME, cn:NAME, local, anonymous, or the beginning of one and *")
	case open && !strings.Contains(start[len("spiffe://"):], "/"):
		return errors.New("a * stands after the trust domain and its slash")
	case open:
		return nil
	}
	return identity.Valid(pattern)
}

// names are all methods that can be granted.
func names() []string {
	all := []string{Health, Reflection, Metrics, Admin, Everything}
	for _, full := range router() {
		all = append(all, full[strings.LastIndexByte(full, '/')+1:])
	}
	return all
}

func router() []string {
	var full []string
	d := &fairwayv1.Router_ServiceDesc
	for _, m := range d.Methods {
		full = append(full, "/"+d.ServiceName+"/"+m.MethodName)
	}
	for _, s := range d.Streams {
		full = append(full, "/"+d.ServiceName+"/"+s.StreamName)
	}
	return full
}

// likewise are the methods of protocols that proxies speak already, and those of the
// Router that say the same: who may call one may call the other. Their messages
// are not read here: they who serve them ask May about each service.
var likewise = map[string]string{
	"/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources": "Watch",
	"/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources":  "Watch",
	"/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats":                "Report",
	"/envoy.service.ext_proc.v3.ExternalProcessor/Process":                             "Decide",
}
