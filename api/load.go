package api

import (
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// load counts the decisions that are worked on. Where there are too many it
// refuses at once: nothing waits in a queue of ours. It is safe for concurrent
// use.
type load struct {
	most int64
	now  atomic.Int64
}

// take adds n decisions, unless as many as may be are worked on already. One
// call is taken however large it is, when the others leave any room: its size
// is bounded elsewhere.
func (l *load) take(n int) bool {
	if l.now.Load() >= l.most {
		return false
	}
	l.now.Add(int64(n))
	return true
}

func (l *load) give(n int) { l.now.Add(-int64(n)) }

// retryAfter is when a call that was refused may come again: what was worked
// on has long ended by then.
const retryAfter = 100 * time.Millisecond

// domain is that of the ErrorInfo.
const domain = "fairway.v1"

// busy refuses a call, and counts that.
func (s *Server) busy(operation string) error {
	s.metrics.shed(operation)
	return detailed(status.New(codes.ResourceExhausted, "too many decisions are worked on; come again, or ask for less at once: Decide and Route are answered always"),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)},
		&errdetails.ErrorInfo{Reason: "OVERLOADED", Domain: domain, Metadata: map[string]string{"operation": operation}})
}

// detailed adds details to a status.
func detailed(st *status.Status, details ...protoadapt.MessageV1) error {
	with, err := st.WithDetails(details...)
	if err != nil { // they cannot be packed; the message says it all
		return st.Err()
	}
	return with.Err()
}
