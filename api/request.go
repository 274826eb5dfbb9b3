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

// check refuses a request without a service, larger than the Config allows, or
// with strings that are not UTF-8. The error names it by its place.
func (c *Config) check(in *fairwayv1.DecideRequest, place int) error {
	field, what := c.wrong(in)
	if field == "" {
		return nil
	}
	if place != alone {
		field = fmt.Sprintf("requests[%d].%s", place, field)
	}
	return invalid(field, what)
}

// wrong names the first field that is, and says what is wrong with it. It
// allocates only where something is.
func (c *Config) wrong(in *fairwayv1.DecideRequest) (field, what string) {
	if in.GetService() == "" {
		return "service", "is empty; name the service as the metrics and the rules call it"
	}
	if len(in.Headers) > c.MaxHeaders {
		return "headers", fmt.Sprintf("has %d headers; at most %d are taken", len(in.Headers), c.MaxHeaders)
	}
	size := 0
	for _, s := range [...]struct{ name, text string }{
		{"service", in.Service}, {"method", in.Method}, {"path", in.Path}, {"host", in.Host},
		{"class", in.Class}, {"session_key", in.SessionKey}, {"source.zone", in.Source.GetZone()},
	} {
		if size += len(s.text); !utf8.ValidString(s.text) {
			return s.name, "is not UTF-8"
		}
	}
	if size > c.MaxBytes {
		return "path", fmt.Sprintf("with the other strings has %d bytes; at most %d are taken", size, c.MaxBytes)
	}
	if size, what = c.wrongMap(in.Headers, size); what != "" {
		return "headers", what
	}
	_, what = c.wrongMap(in.Source.GetLabels(), size)
	if what != "" {
		return "source.labels", what
	}
	return "", ""
}

// wrongMap adds the size of a map to that of what came before.
func (c *Config) wrongMap(m map[string]string, before int) (size int, what string) {
	size = before
	for name, value := range m {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return size, fmt.Sprintf("has %q: %q, which is not UTF-8", name, value)
		}
		size += len(name) + len(value)
	}
	if size > c.MaxBytes {
		return size, fmt.Sprintf("with the other strings have %d bytes; at most %d are taken", size, c.MaxBytes)
	}
	return size, ""
}

// checkServices refuses more names than the Config allows.
func (c *Config) checkServices(names []string) error {
	if len(names) > c.MaxBatch {
		return invalid("services", fmt.Sprintf("are %d; at most %d are taken at once; none at all is all", len(names), c.MaxBatch))
	}
	return nil
}

// invalid is INVALID_ARGUMENT with a BadRequest that names the field, and an
// ErrorInfo for who reads nothing else.
func invalid(field, what string) error {
	return detailed(status.New(codes.InvalidArgument, field+" "+what),
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: what}}},
		&errdetails.ErrorInfo{Reason: "INVALID_FIELD", Domain: domain, Metadata: map[string]string{"field": field}})
}

// request shares the strings and maps of in. Headers are copied only where a
// name is not in lower case already, as HTTP/2 has them.
func request(in *fairwayv1.DecideRequest) mesh.Request {
	path, query, _ := strings.Cut(in.Path, "?")
	return mesh.Request{
		Service:    in.Service,
		Method:     in.Method,
		Path:       path,
		Query:      query,
		Host:       in.Host,
		Headers:    lowered(in.Headers),
		Source:     mesh.Source{Labels: in.GetSource().GetLabels(), Zone: in.GetSource().GetZone()},
		Class:      in.Class,
		SessionKey: in.SessionKey,
	}
}

func lowered(headers map[string]string) map[string]string {
	for name := range headers {
		if strings.ToLower(name) == name {
			continue
		}
		lower := make(map[string]string, len(headers))
		for name, value := range headers {
			lower[strings.ToLower(name)] = value
		}
		return lower
	}
	return headers
}
