package prom

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// sound is the error of an answer, if it has one: a warning is one too, except
// where it is about the query and not about what was found; that is kept.
func (s *Server) sound(err error, warnings v1.Warnings) error {
	if err != nil {
		return explain(err)
	}
	for _, w := range warnings {
		if !strings.HasPrefix(w, "PromQL ") {
			return fmt.Errorf("%w: %s", errIncomplete, short(w))
		}
		s.mu.Lock()
		if len(s.remarks) < manyRemarks && !slices.Contains(s.remarks, w) {
			s.remarks = append(s.remarks, w)
		}
		s.mu.Unlock()
	}
	return nil
}

const manyRemarks = 20

var errIncomplete = errors.New("the answer may not be complete, the server warns")

// Remarks is what the server had to say about the queries so far.
func (s *Server) Remarks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.remarks)
}

// Temporary reports whether a server's error may pass by itself: it could not
// be reached, had too much to do, or lacked a part of its stores.
func Temporary(err error) bool {
	var answered *v1.Error
	if errors.As(err, &answered) {
		return answered.Type == v1.ErrServer || answered.Type == v1.ErrTimeout || answered.Msg == "client error: 429" || answered.Msg == "client error: 408"
	}
	var unsent *url.Error
	if errors.As(err, &unsent) {
		return temporary(err)
	}
	return slices.ContainsFunc([]error{errPartial, errIncomplete, io.ErrUnexpectedEOF, context.DeadlineExceeded, syscall.ECONNRESET}, func(x error) bool { return errors.Is(err, x) })
}

// heavy reports whether less at once would do: the server says so, or its
// answer does not fit.
func heavy(err error) bool {
	var answered *v1.Error
	return errors.Is(err, errLong) || errors.As(err, &answered) && (answered.Type == v1.ErrTimeout || heavyText.MatchString(answered.Msg+answered.Detail))
}

// explain adds what the server itself said, which the error leaves out, and
// what to do about it.
func explain(err error) error {
	var authority x509.UnknownAuthorityError
	if errors.As(err, &authority) {
		return fmt.Errorf("%w: give its authority in a source file (http: tls_config: ca_file)", err)
	}
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return fmt.Errorf("%w: is the client certificate right (http: tls_config: cert_file and key_file of a source file)?", err)
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Errorf("%w: write http:// instead of https://", err)
	}
	e, ok := err.(*v1.Error)
	if !ok {
		return err
	}
	hint := ""
	if strings.HasSuffix(e.Msg, "401") || strings.HasSuffix(e.Msg, "403") {
		hint = ": are the credentials right (http: authorization or basic_auth of a source file), and the tenant's header (http: http_headers)?"
	}
	if e.Detail != "" {
		return fmt.Errorf("%w (%s)%s", err, short(e.Detail), hint)
	}
	return fmt.Errorf("%w%s", err, hint)
}
