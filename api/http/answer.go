package http

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

var names = protojson.MarshalOptions{UseProtoNames: true}

// plain answers with the message.
func plain(w http.ResponseWriter, r *http.Request, out proto.Message) {
	text, err := names.Marshal(out)
	if err != nil { // a string that is no UTF-8
		fail(w, status.Errorf(codes.Internal, "the answer cannot be written as JSON: %v", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	_, _ = w.Write(append(text, '\n')) // an error is the client's, who is gone
}

// headed answers in headers too, and in nothing else to a HEAD.
func headed(w http.ResponseWriter, r *http.Request, out proto.Message) {
	d := out.(*fairwayv1.Decision)
	e := d.GetEndpoint()
	for _, said := range [...]struct{ name, value string }{
		{"endpoint", e.GetName()}, {"address", e.GetAddress()}, {"zone", e.GetZone()}, {"subset", d.GetDestination().GetSubset()},
		{"route", d.GetRoute()}, {"source", d.GetSource().String()}, {"reason", d.GetReason()}, {"policy", d.GetPolicy()},
		{"model-version", d.GetModelVersion()}, {"rules-version", d.GetRulesVersion()}, {"line", d.GetLine()},
	} {
		if said.value != "" {
			w.Header().Set(prefix+said.name, printable(said.value))
		}
	}
	w.Header().Set(prefix+"table-version", strconv.FormatUint(d.GetTableVersion(), 10))
	w.Header().Set(prefix+"propensity", strconv.FormatFloat(d.GetPropensity(), 'g', -1, 64))
	w.Header().Set(prefix+"timeout-ms", strconv.FormatInt(d.GetTimeout().AsDuration().Milliseconds(), 10))
	w.Header().Set(prefix+"retries", strconv.Itoa(int(d.GetRetries())))
	if r.Method == http.MethodHead {
		w.Header().Set("Cache-Control", "no-store")
		return
	}
	plain(w, r, out)
}

// printable is a value that a header can hold, percent-encoded where it must be.
func printable(value string) string {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
		return url.PathEscape(value)
	}
	return value
}

// tagged answers 304 to who has the same weights.
func tagged(w http.ResponseWriter, r *http.Request, out proto.Message) {
	tag := fmt.Sprintf(`"%d"`, out.(*fairwayv1.ServiceWeights).GetTableVersion())
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	plain(w, r, out)
}

// statuses are those of google.rpc.Code.
var statuses = map[codes.Code]int{
	codes.Canceled: 499, codes.InvalidArgument: 400, codes.FailedPrecondition: 400, codes.OutOfRange: 400, codes.Unauthenticated: 401,
	codes.PermissionDenied: 403, codes.NotFound: 404, codes.Aborted: 409, codes.AlreadyExists: 409, codes.ResourceExhausted: 429,
	codes.Unimplemented: 501, codes.Unavailable: 503, codes.DeadlineExceeded: 504,
}

// fail answers with the google.rpc.Status of err.
func fail(w http.ResponseWriter, err error) {
	st := status.Convert(err)
	code, known := statuses[st.Code()]
	switch {
	case errors.Is(err, errTooLarge):
		code = http.StatusRequestEntityTooLarge
	case errors.Is(err, errTooSlow):
		code = http.StatusRequestTimeout
	case !known:
		code = http.StatusInternalServerError
	}
	refuse(w, code, st)
}

// refuse sends when to come again as HTTP says it too, in whole seconds.
func refuse(w http.ResponseWriter, code int, st *status.Status) {
	for _, detail := range st.Details() {
		if info, is := detail.(*errdetails.RetryInfo); is {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(info.GetRetryDelay().AsDuration().Seconds()))))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(errorText(st), '\n')) // an error is the client's, who is gone
}

func errorText(st *status.Status) []byte {
	text, err := names.Marshal(st.Proto())
	if err != nil { // a detail of an unknown type
		text, _ = names.Marshal(status.New(st.Code(), strings.ToValidUTF8(st.Message(), "?")).Proto())
	}
	return text
}
