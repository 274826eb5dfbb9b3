package guard

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Reasons of refusals, in ErrorInfo and as labels of fairway_refused_total.
const (
	noIdentity      = "NO_IDENTITY"
	notAllowed      = "NOT_ALLOWED"
	serviceRefused  = "SERVICE_NOT_ALLOWED"
	rateExceeded    = "RATE_EXCEEDED"
	manyStreams     = "TOO_MANY_STREAMS"
	manyConnections = "TOO_MANY_CONNECTIONS"
	manyHandshakes  = "TOO_MANY_HANDSHAKES"
	badHandshake    = "HANDSHAKE_FAILED"
	highThreat      = "HIGH_THREAT"
	longLived       = "CERTIFICATE_TOO_LONG_LIVED"
)

var reasons = []string{noIdentity, notAllowed, serviceRefused, rateExceeded, manyStreams, manyConnections, manyHandshakes, badHandshake, highThreat, longLived}

// refusal is the status of a call that is not carried out.
func refusal(code codes.Code, reason, text string, more map[string]string, details ...protoadapt.MessageV1) error {
	st := status.New(code, text)
	details = append([]protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: "fairway.v1", Metadata: more}}, details...)
	if with, err := st.WithDetails(details...); err == nil {
		st = with
	}
	return st.Err()
}

func limited(name string, l *Limits) error {
	wait := max(tick, time.Duration(min(float64(time.Second)/l.Rate, float64(time.Hour))))
	return refusal(codes.ResourceExhausted, rateExceeded, fmt.Sprintf("more than %v messages a second by %s", l.Rate, name),
		map[string]string{"identity": name}, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
}
