package http

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// prefix is that of the headers which are about a decision, rather than part of
// the request that is decided.
const prefix = "X-Fairway-"

// hop are headers of the connection, and not of the request that is decided.
var hop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Transfer-Encoding": true, "Te": true, "Trailer": true, "Upgrade": true, "Content-Length": true,
	"X-Forwarded-Method": true, "X-Forwarded-Uri": true, "X-Forwarded-Host": true,
}

// asked reads a DecideRequest from query and headers. A field is taken from the
// query, else from the header X-Fairway-Name, else, of method, path and host,
// from X-Forwarded-Method, -Uri and -Host. The other headers are those of the
// request that is decided.
func asked(_ *Handler, _ http.ResponseWriter, r *http.Request, m proto.Message) error {
	in := m.(*fairwayv1.DecideRequest)
	q, err := queryOf(r, "service", "method", "path", "host", "class", "session_key", "zone", "want_weights", "label.")
	if err != nil {
		return err
	}
	field := func(name, forwarded string) string {
		if q.Has(name) {
			return q.Get(name)
		}
		if values := r.Header.Values(prefix + strings.ReplaceAll(name, "_", "-")); len(values) > 0 {
			return values[0]
		}
		return r.Header.Get(forwarded)
	}
	in.Service, in.Class, in.SessionKey = field("service", ""), field("class", ""), field("session_key", "")
	in.Method, in.Path, in.Host = field("method", "X-Forwarded-Method"), field("path", "X-Forwarded-Uri"), field("host", "X-Forwarded-Host")
	in.Source = &fairwayv1.DecideRequest_Source{Zone: field("zone", ""), Labels: map[string]string{}}
	if text := field("want_weights", ""); text != "" {
		if in.WantWeights, err = strconv.ParseBool(text); err != nil {
			return api.Invalid("want_weights", "is neither true nor false")
		}
	}
	for name, values := range q {
		if label, is := strings.CutPrefix(name, "label."); is {
			in.Source.Labels[label] = values[0]
		}
	}
	in.Headers = make(map[string]string, len(r.Header))
	for name, values := range r.Header {
		if !hop[name] && !strings.HasPrefix(name, prefix) {
			in.Headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, separator(name)), "\uFFFD")
		}
	}
	for _, text := range []*string{&in.Service, &in.Class, &in.SessionKey, &in.Method, &in.Path, &in.Host, &in.Source.Zone} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
	return nil
}

// separator joins the values of a header that stands more than once.
func separator(name string) string {
	if name == "Cookie" {
		return "; "
	}
	return ", "
}

// queryOf refuses what is not known, which may be a slip of the pen. A name that
// ends in a dot stands for all that begin with it.
func queryOf(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, api.Invalid("query", "is not understood: "+err.Error())
	}
	for name, values := range q {
		for i := range values {
			values[i] = strings.ToValidUTF8(values[i], "\uFFFD")
		}
		if !slices.ContainsFunc(known, func(k string) bool { return name == k || strings.HasSuffix(k, ".") && strings.HasPrefix(name, k) }) {
			return nil, api.Invalid(strings.ToValidUTF8(name, "\uFFFD"), "is not known; want "+strings.Join(known, ", "))
		}
	}
	return q, nil
}

// forecast reads the names of services.
func forecast(_ *Handler, _ http.ResponseWriter, r *http.Request, m proto.Message) error {
	q, err := queryOf(r, "service")
	m.(*fairwayv1.ForecastRequest).Services = q["service"]
	return err
}

// one reads the name of a service from the path.
func one(_ *Handler, _ http.ResponseWriter, r *http.Request, m proto.Message) error {
	m.(*fairwayv1.WatchRequest).Services = []string{strings.ToValidUTF8(r.PathValue("service"), "\uFFFD")}
	return nil
}
