package api

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

// alone is the place of a request that came neither in a batch nor in a stream.
const alone = -1

// read makes the request of a message, whose strings and maps it shares. It refuses
// one without a service, larger than the Config allows, or with strings that are
// not UTF-8; the error names it by its place. It allocates only where something
// is wrong, or the name of a header is not in lower case as HTTP/2 has them.
func (c *Config) read(in *fairwayv1.DecideRequest, place int) (mesh.Request, error) {
	field, what, mixed := c.wrong(in)
	if field != "" {
		if place != alone {
			field = fmt.Sprintf("requests[%d].%s", place, field)
		}
		return mesh.Request{}, Invalid(field, what)
	}
	path, query, _ := strings.Cut(in.Path, "?")
	r := mesh.Request{
		Service:    in.Service,
		Method:     in.Method,
		Path:       path,
		Query:      query,
		Host:       in.Host,
		Headers:    in.Headers,
		Source:     mesh.Source{Labels: in.Source.GetLabels(), Zone: in.Source.GetZone()},
		Class:      in.Class,
		SessionKey: in.SessionKey,
	}
	if mixed {
		r.Headers = lowered(in.Headers)
	}
	return r, nil
}

// wrong names the first field that is, and says what is wrong with it. mixed tells
// whether the name of a header may not be in lower case.
func (c *Config) wrong(in *fairwayv1.DecideRequest) (field, what string, mixed bool) {
	if in.GetService() == "" {
		return "service", "is empty; name the service as the metrics and the rules call it", false
	}
	if len(in.Headers) > c.MaxHeaders {
		return "headers", fmt.Sprintf("has %d headers; at most %d are taken", len(in.Headers), c.MaxHeaders), false
	}
	size := 0
	for _, s := range [...]struct{ name, text string }{
		{"service", in.Service}, {"method", in.Method}, {"path", in.Path}, {"host", in.Host},
		{"class", in.Class}, {"session_key", in.SessionKey}, {"source.zone", in.Source.GetZone()},
	} {
		if size += len(s.text); !utf8.ValidString(s.text) {
			return s.name, "is not UTF-8", false
		}
	}
	if size > c.MaxBytes {
		return "path", fmt.Sprintf("with the other strings has %d bytes; at most %d are taken", size, c.MaxBytes), false
	}
	size, mixed, what = c.wrongMap(in.Headers, size)
	if what != "" {
		return "headers", what, false
	}
	if _, _, what = c.wrongMap(in.Source.GetLabels(), size); what != "" {
		return "source.labels", what, false
	}
	return "", "", mixed
}

// wrongMap adds the size of a map to that of what came before. mixed tells whether a
// name may not be in lower case.
func (c *Config) wrongMap(m map[string]string, before int) (size int, mixed bool, what string) {
	size = before
	for name, value := range m {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return size, false, fmt.Sprintf("has %q: %q, which is not UTF-8", name, value)
		}
		size += len(name) + len(value)
		mixed = mixed || !isLower(name)
	}
	if size > c.MaxBytes {
		return size, false, fmt.Sprintf("with the other strings have %d bytes; at most %d are taken", size, c.MaxBytes)
	}
	return size, mixed, ""
}

// isLower reports whether a name has neither upper case letters nor any beyond ASCII.
func isLower(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// checkServices refuses more names than the Config allows.
func (c *Config) checkServices(names []string) error {
	if len(names) > c.MaxBatch {
		return Invalid("services", fmt.Sprintf("are %d; at most %d are taken at once; none at all is all", len(names), c.MaxBatch))
	}
	return nil
}

// Invalid is INVALID_ARGUMENT with a BadRequest that names the field, and an
// ErrorInfo for who reads nothing else.
func Invalid(field, what string) error {
	return detailed(status.New(codes.InvalidArgument, field+" "+what),
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: what}}},
		&errdetails.ErrorInfo{Reason: "INVALID_FIELD", Domain: domain, Metadata: map[string]string{"field": field}})
}

func lowered(headers map[string]string) map[string]string {
	lower := make(map[string]string, len(headers))
	for name, value := range headers {
		lower[strings.ToLower(name)] = value
	}
	return lower
}
