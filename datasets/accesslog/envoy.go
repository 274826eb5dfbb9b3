package accesslog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// envoy reads Envoy's default text, and Istio's, which has details after the
// flags and names the cluster at the end:
//
//	[2026-01-01T00:00:00.000Z] "GET /x HTTP/1.1" 200 - 0 178 12 11 "-" "curl" "id" "shop" "10.0.0.1:80"
//	[2026-01-01T00:00:00.000Z] "GET /x HTTP/1.1" 200 - via_upstream - "-" 0 178 12 11 "-" "curl" "id" "shop" "10.0.0.1:80" outbound|80||shop.default.svc.cluster.local …
type envoy struct{}

const (
	plainDetails = 3 // request, code and flags; Istio has up to three more
	istioBehind  = 5 // Istio's cluster, three addresses, a server's name, and mostly a route
)

func (envoy) parse(line string, e *entry) error {
	start, end := strings.IndexByte(line, '['), strings.Index(line, `] "`)
	if start < 0 || end < start {
		return errAlien
	}
	at, err := time.Parse(time.RFC3339Nano, line[start+1:end])
	if err != nil {
		return errAlien
	}
	t, host := quotedFields(line[end+2:])
	if len(t) < 3 {
		return errors.New("the line breaks off")
	}
	if strings.HasPrefix(t[0], "- ") {
		return errors.New("a TCP connection, no request")
	}
	said := envoySaid{at: at.UTC(), code: t[1], flags: t[2]}
	said.method, said.path = requestLine(t[0])
	bytes := plainDetails
	for bytes < min(len(t), plainDetails+3) && !isNumber(t[bytes]) {
		bytes++
	}
	// bytes received, bytes sent, duration, time of the upstream, forwarded for,
	// user agent, request's id, authority, upstream's host
	behind := len(t) - 1 - host
	switch istio := bytes > plainDetails; {
	case host < bytes+8, istio && behind < istioBehind, !istio && behind > 0:
		return errors.New("the line breaks off, or is of a format of its own")
	case istio:
		said.cluster = t[host+1]
	}
	said.duration, said.authority, said.host = t[bytes+2], t[host-1], t[host]
	return said.into(e)
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 64)
	return err == nil
}

// quotedFields are the parts between spaces, quotes taken off, and which of them
// had quotes last: the host, however many quotes a user agent has. Envoy does
// not escape quotes, so one ends where a space or the line's end follows it.
func quotedFields(text string) (all []string, last int) {
	last = -1
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		if text[0] != '"' {
			field, rest, _ := strings.Cut(text, " ")
			all, text = append(all, field), rest
			continue
		}
		field, rest, ok := strings.Cut(text[1:], `" `)
		if !ok {
			if field, ok = strings.CutSuffix(field, `"`); !ok {
				return all, -1 // the line breaks off here
			}
		}
		last = len(all)
		all, text = append(all, field), rest
	}
	return all, last
}

// envoySaid is what a line says, in whichever form.
type envoySaid struct {
	at                                                            time.Time
	method, path, code, flags, duration, authority, host, cluster string
}

func (v envoySaid) into(e *entry) error {
	r := datasets.Request{Time: v.at, Service: envoyService(v.cluster, v.authority), Endpoint: dashless(v.host), Method: v.method, Path: plainPath(v.path)}
	var err error
	if r.Status, err = statusOf(v.code); err != nil {
		return err
	}
	ms, err := amount("the duration", v.duration)
	if err != nil {
		return err
	}
	r.Latency = milliseconds(ms)
	for flag := range strings.SplitSeq(v.flags, ",") {
		switch flag { // broken off or run out of time, whatever status had been sent
		case "UF", "UC", "UT", "UR", "URX", "UPE", "UMSDR", "SI":
			if r.Status < 500 {
				r.Status = 0
			}
		}
	}
	return e.add(r)
}

// envoyService is the cluster; of Istio's, which are like
// outbound|9080|v1|reviews.default.svc.cluster.local, the host.
func envoyService(cluster, authority string) string {
	cluster = strings.TrimSuffix(dashless(cluster), ";")
	if parts := strings.Split(cluster, "|"); len(parts) == 4 && parts[3] != "" {
		return parts[3]
	}
	if cluster == "" {
		return dashless(authority)
	}
	return cluster
}

// envoyJSON reads JSON with the keys of Envoy's documentation, which Istio and
// Envoy Gateway have too.
type envoyJSON struct{}

func (envoyJSON) parse(line string, e *entry) error {
	f, err := objectOf(line)
	if err != nil {
		return err
	}
	if !f.any("upstream_host") || !f.any("response_code", "response_flags") {
		return errAlien
	}
	for _, key := range []string{"start_time", "response_code", "duration"} {
		if !f.has(key) {
			return fmt.Errorf("there is no %s in the JSON", key)
		}
	}
	said := envoySaid{
		method: f.first("method", ":method"), path: f.first("path", "x-envoy-origin-path", "x-envoy-original-path"),
		code: f["response_code"], flags: f["response_flags"], duration: f["duration"],
		authority: f.first("authority", ":authority"), host: f["upstream_host"], cluster: f["upstream_cluster"],
	}
	if said.at, err = instant(f["start_time"], time.UTC); err != nil {
		return err
	}
	if said.method == "" && said.code == "0" {
		return errors.New("a TCP connection, no request")
	}
	return said.into(e)
}
