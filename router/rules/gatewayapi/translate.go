package gatewayapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

const group = v1.GroupName

// kinds are those that this package has something to say of, with the API versions
// whose specs are that of v1.
var kinds = map[string]struct {
	versions []string
	read     func(*object)
}{
	"HTTPRoute":      {[]string{"v1", "v1beta1"}, (*object).http},
	"GRPCRoute":      {[]string{"v1", "v1alpha2"}, (*object).grpc},
	"ReferenceGrant": {[]string{"v1", "v1beta1"}, nil}, // read before all else
	"Gateway":        {nil, (*object).left},
	"GatewayClass":   {nil, (*object).left},
	"TCPRoute":       {nil, (*object).refuse},
	"TLSRoute":       {nil, (*object).refuse},
	"UDPRoute":       {nil, (*object).refuse},
	"ListenerSet":    {nil, (*object).left},
}

// Kinds are those that Translate knows; some it only refuses.
func Kinds() []string {
	var names []string
	for kind := range kinds {
		names = append(names, group+"/"+kind)
	}
	slices.Sort(names)
	return names
}

// Translate makes services of the objects of its kinds. The error joins all that is
// refused, file:line each; findings tell what is left to the proxy.
func Translate(objects []manifest.Object) ([]rules.Service, []manifest.Finding, error) {
	t := &translation{services: map[string]*service{}, home: manifest.Home(objects)}
	for i := range objects {
		if o := t.object(&objects[i]); o != nil && o.Kind == "ReferenceGrant" {
			o.grant()
		}
	}
	for i := range objects {
		o := t.object(&objects[i])
		if o == nil {
			continue
		}
		if k := kinds[o.Kind]; k.read != nil && o.version(k.versions) {
			k.read(o)
		}
	}
	services := t.finish()
	if err := errors.Join(said(t.errs)...); err != nil {
		return nil, t.findings, err
	}
	return services, t.findings, nil
}

// said leaves out what has been said: a rule is looked at for each service that it is for.
func said(errs []error) (all []error) {
	texts := map[string]bool{}
	for _, err := range errs {
		if !texts[err.Error()] {
			texts[err.Error()] = true
			all = append(all, err)
		}
	}
	return all
}

// translation is what is known so far.
type translation struct {
	home     string // the namespace whose services have short names
	services map[string]*service
	order    []string // of their names, as they came
	grants   []grant
	findings []manifest.Finding
	errs     []error
}

// object is one that is being translated.
type object struct {
	*manifest.Object
	*translation
}

func (t *translation) object(o *manifest.Object) *object {
	if _, ours := kinds[o.Kind]; !ours || o.Group() != group {
		return nil
	}
	return &object{o, t}
}

// path is a place in a spec.
type path []any

// in is a place below.
func (p path) in(steps ...any) path { return append(slices.Clip(p), steps...) }

func (o *object) fail(at path, format string, args ...any) {
	o.errs = append(o.errs, fmt.Errorf("%s: %s: %s", o.At(at...), o, fmt.Sprintf(format, args...)))
}

func (o *object) find(level string, at path, format string, args ...any) {
	o.findings = append(o.findings, o.Find(level, fmt.Sprintf("%s: %s", o, fmt.Sprintf(format, args...)), at...))
}

// version refuses API versions whose specs may mean something else.
func (o *object) version(known []string) bool {
	_, version, _ := strings.Cut(o.APIVersion, "/")
	if len(known) == 0 || slices.Contains(known, version) {
		return true
	}
	o.fail(nil, "%s is not read in version %q; write %s/%s", o.Kind, version, group, known[0])
	return false
}

// left says that an object is not for fairway.
func (o *object) left() {
	o.find(manifest.Note, nil, "left to the proxy: fairway decides where requests go that have come in")
}

// refuse is for routes of what is not HTTP.
func (o *object) refuse() {
	o.fail(nil, "%s is not supported: fairway routes HTTP and gRPC; keep it where fairway does not read", o.Kind)
}

// decode reads the spec strictly.
func (o *object) decode(into any) bool {
	err := o.Spec(into)
	if err != nil {
		o.errs = append(o.errs, err)
	}
	return err == nil
}
