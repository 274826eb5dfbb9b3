package prom

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/api"
)

// wire carries requests to a server, a few at once, and again when the server
// could not answer. It implements api.Client.
type wire struct {
	api.Client
	limits Limits
	slots  chan struct{} // one is taken while a request is under way

	mu     sync.Mutex
	jitter *rand.Rand
}

func newWire(client api.Client, l Limits) *wire {
	return &wire{Client: client, limits: l, slots: make(chan struct{}, l.Parallel), jitter: rand.New(rand.NewPCG(l.Seed, 0))}
}

// exact are arguments that make an answer exact or an error. Whoever does not
// know one ignores it. VictoriaMetrics would otherwise round start and end,
// and give what some of its stores hold for the whole; so would Thanos.
var exact = map[string]string{"nocache": "1", "deny_partial_response": "1", "partial_response": "false"}

// URL implements api.Client.
func (w *wire) URL(endpoint string, args map[string]string) *url.URL {
	u := w.Client.URL(endpoint, args)
	query := u.Query()
	for name, value := range exact {
		if !query.Has(name) {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	return u
}

// Do implements api.Client. What it returns is the last attempt's.
func (w *wire) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	pause := w.limits.Pause
	for attempt := 1; ; attempt++ {
		response, body, err := w.once(ctx, req)
		if err == nil && bytes.Contains(body[:min(len(body), 200)], []byte(`"isPartial":true`)) {
			err = errPartial
		}
		if attempt == w.limits.Attempts || !worthwhile(response, body, err) {
			if err != nil && attempt > 1 {
				err = fmt.Errorf("%w (after %d attempts)", err, attempt)
			}
			return response, body, err
		}
		select {
		case <-time.After(max(w.jittered(pause), retryAfter(response))):
		case <-ctx.Done():
			return nil, nil, errors.Join(ctx.Err(), err)
		}
		pause = min(2*pause, w.limits.Longest)
	}
}

var errPartial = errors.New("the answer is partial: some of the server's stores did not answer")

// once makes one attempt: it waits for its turn, and then no longer than the
// limit.
func (w *wire) once(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, w.limits.Timeout)
	defer cancel()
	again := req.Clone(limited)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, nil, err
		}
		again.Body = body
	}
	response, body, err := w.Client.Do(limited, again)
	var unsent *url.Error
	if errors.As(err, &unsent) {
		unsent.URL, _, _ = strings.Cut(unsent.URL, "?") // may hold a key
	}
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil && limited.Err() != nil:
		return nil, nil, fmt.Errorf("no answer within %s: %w", w.limits.Timeout, context.DeadlineExceeded)
	case err != nil:
		return nil, nil, err
	}
	return response, body, nil
}

// worthwhile reports whether the same request may succeed later.
func worthwhile(response *http.Response, body []byte, err error) bool {
	if err != nil {
		return temporary(err)
	}
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return true
	case code >= 500 && code != http.StatusNotImplemented:
		return !heavyText.Match(body) // to be cut, not repeated
	}
	return false
}

// temporary reports whether a failure to get any answer may pass: not when the
// caller gave up, a certificate is refused, or a file with a secret is missing.
func temporary(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var remote *net.OpError // Op "remote error": the server's TLS refuses
	var file *fs.PathError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errLong), errors.Is(err, http.ErrSchemeMismatch),
		errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &file),
		errors.As(err, &remote) && remote.Op == "remote error":
		return false
	}
	return true
}

// heavyText is how servers say that a query wants too much at once: the query
// engine of Prometheus, Thanos and Mimir, Mimir's limits, VictoriaMetrics.
var heavyText = regexp.MustCompile(`(?i)too many samples|too many points|maximum resolution of|query timed out|timeout exceeded|maxSamplesPer|maxUniqueTimeseries|maxPointsPer|maxMemoryPer|err-mimir-max-|query exceeded|exceeded.{0,40}limit`)

// retryAfter is how long the server asks to be left alone.
func retryAfter(response *http.Response) time.Duration {
	if response == nil {
		return 0
	}
	text := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	until, err := http.ParseTime(text)
	now, bad := http.ParseTime(response.Header.Get("Date")) // the server's own clock
	if err != nil || bad != nil {
		return 0
	}
	return min(until.Sub(now), time.Hour)
}

// jittered is a time between half of d and d, so that those who failed
// together do not come back together.
func (w *wire) jittered(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return d/2 + time.Duration(w.jitter.Float64()*float64(d/2))
}

// unpacking asks for compressed answers, which prometheus/common's client does
// not, and unpacks them; no more of one than so many bytes.
type unpacking struct {
	http.RoundTripper
	most int64
}

// shorter is the key of a context whose answer is bounded by its value, an int64.
type shorter struct{}

func (z unpacking) RoundTrip(req *http.Request) (*http.Response, error) {
	if most, ok := req.Context().Value(shorter{}).(int64); ok {
		z.most = most
	}
	req = req.Clone(req.Context())
	req.Header.Set("Accept-Encoding", "gzip")
	response, err := z.RoundTripper.RoundTrip(req)
	if err != nil {
		return response, err
	}
	if response.Header.Get("Content-Encoding") != "gzip" {
		response.Body = &bounded{response.Body, response.Body, z.most, 0}
		return response, nil
	}
	unpacked, err := gzip.NewReader(response.Body)
	if err != nil {
		response.Body.Close()
		return nil, fmt.Errorf("the answer says that it is gzip, but: %w", err)
	}
	response.Header.Del("Content-Encoding")
	response.Header.Del("Content-Length")
	response.ContentLength = -1
	response.Body = &bounded{unpacked, response.Body, z.most, 0}
	return response, nil
}

func (z unpacking) CloseIdleConnections() {
	if c, ok := z.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// longestAnswer bounds how much of an answer is held in memory, in bytes: some
// six million samples.
const longestAnswer = 256 << 20

var errLong = errors.New("the answer is too long")

// bounded is the body of an answer, of which no more is read than fits.
type bounded struct {
	io.Reader
	io.Closer
	most, read int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.read += int64(n); b.read > b.most {
		return 0, fmt.Errorf("%w: more than %d MiB", errLong, b.most>>20)
	}
	return n, err
}
