package api

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
)

// check refuses a request without a service, or larger than the Config allows.
// where goes before the names of the fields, as in "requests[3].".
func (c *Config) check(in *fairwayv1.DecideRequest, where string) error {
	switch {
	case in.GetService() == "":
		return invalid(where+"service", "is empty; name the service as the metrics and the rules call it")
	case len(in.Headers) > c.MaxHeaders:
		return invalid(where+"headers", fmt.Sprintf("has %d headers; at most %d are taken", len(in.Headers), c.MaxHeaders))
	}
	size := len(in.Service) + len(in.Method) + len(in.Path) + len(in.Host) + len(in.Class) + len(in.SessionKey) + len(in.GetSource().GetZone())
	if size > c.MaxBytes {
		return invalid(where+"path", fmt.Sprintf("with the other strings has %d bytes; at most %d are taken", size, c.MaxBytes))
	}
	for name, value := range in.Headers {
		size += len(name) + len(value)
	}
	if size > c.MaxBytes {
		return invalid(where+"headers", fmt.Sprintf("with the other strings have %d bytes; at most %d are taken", size, c.MaxBytes))
	}
	for name, value := range in.GetSource().GetLabels() {
		size += len(name) + len(value)
	}
	if size > c.MaxBytes {
		return invalid(where+"source.labels", fmt.Sprintf("with the other strings have %d bytes; at most %d are taken", size, c.MaxBytes))
	}
	return nil
}

// checkServices refuses more names than the Config allows.
func (c *Config) checkServices(names []string) error {
	if len(names) > c.MaxBatch {
		return invalid("services", fmt.Sprintf("are %d; at most %d are taken at once; none at all is all", len(names), c.MaxBatch))
	}
	return nil
}

// invalid is INVALID_ARGUMENT with a BadRequest that names the field.
func invalid(field, what string) error {
	st := status.New(codes.InvalidArgument, field+" "+what)
	detailed, err := st.WithDetails(&errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: what}},
	})
	if err != nil { // the detail cannot be packed; the message says it all
		return st.Err()
	}
	return detailed.Err()
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
