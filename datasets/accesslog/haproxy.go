package accesslog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// haproxy reads the lines of `option httplog` and `option httpslog`, with
// whatever a syslog put in front:
//
//	10.1.2.3:33317 [06/Feb/2009:12:14:14.655] in be/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {a} {} "GET /x HTTP/1.1"
type haproxy struct{ location *time.Location }

// haproxyFields are those between the date and the captured headers.
const haproxyFields = 10

func (p haproxy) parse(line string, e *entry) error {
	date, rest, ok := haproxyDated(line)
	if !ok {
		return haproxyOther(line)
	}
	f := make([]string, 0, haproxyFields)
	for len(f) < haproxyFields {
		field, after, more := strings.Cut(rest, " ")
		if f, rest = append(f, field), after; !more {
			break
		}
	}
	if len(f) > 2 && strings.Count(f[2], "/") == 2 {
		return errors.New("a TCP line, which has no status: only option httplog tells of requests")
	}
	if len(f) < haproxyFields || strings.Count(f[2], "/") != 4 {
		if len(f) < 3 || !strings.Contains(f[1], "/") {
			return errAlien
		}
		return errors.New("the line breaks off, or is of a log-format of its own")
	}
	_, request, opened := strings.Cut(rest, `"`)
	request, _, closed := strings.Cut(request, `"`)
	if !opened || !closed {
		return errors.New("the line breaks off in the request, or is of a log-format of its own")
	}
	at, err := time.ParseInLocation(haproxyDate, date, p.location)
	if err != nil {
		return fmt.Errorf("the time is %s, which is none", shown(date))
	}
	said := haproxySaid{at: at.UTC(), status: f[3], state: f[7]}
	said.backend, said.server, ok = strings.Cut(f[1], "/")
	if !ok {
		return errAlien
	}
	said.milliseconds = strings.TrimPrefix(f[2][strings.LastIndexByte(f[2], '/')+1:], "+")
	said.retries = f[8][strings.LastIndexByte(f[8], '/')+1:]
	said.method, said.path = requestLine(request)
	return said.into(e)
}

// haproxyDated finds the date of an HTTP or TCP line, and what follows it.
func haproxyDated(line string) (date, rest string, ok bool) {
	for from := 0; ; {
		i := strings.IndexByte(line[from:], '[')
		if i < 0 {
			return "", "", false
		}
		from += i + 1
		if end := from + len(haproxyDate); end+2 <= len(line) && line[end] == ']' && line[end+1] == ' ' && line[from+2] == '/' && line[from+11] == ':' {
			return line[from:end], line[end+2:], true
		}
	}
}

// haproxyOther says what a line without a date is.
func haproxyOther(line string) error {
	for _, known := range []struct{ text, why string }{
		{"Connect from ", "a line of HAProxy's default format, which tells of connections: only option httplog tells of requests"},
		{" is UP", "a message about a server, no request"}, {" is DOWN", "a message about a server, no request"},
		{"Proxy ", "a message about a proxy, no request"}, {"[NOTICE]", "a message of HAProxy, no request"}, {"[WARNING]", "a message of HAProxy, no request"}, {"[ALERT]", "a message of HAProxy, no request"},
	} {
		if strings.Contains(line, known.text) && !strings.Contains(line, "{\"") {
			return errors.New(known.why)
		}
	}
	return errAlien
}

// haproxySaid is what a line says, in whichever form.
type haproxySaid struct {
	at                                   time.Time
	backend, server, method, path        string
	milliseconds, status, state, retries string
}

// into makes an attempt of it. Servers in angle brackets are HAProxy itself:
// <NOSRV>, <STATS>, <PROMEX>, a Lua service.
func (h haproxySaid) into(e *entry) error {
	r := datasets.Request{Time: h.at, Service: h.backend, Endpoint: h.server, Method: h.method, Path: plainPath(h.path)}
	if strings.HasPrefix(h.server, "<") || h.server == "-" {
		r.Endpoint = ""
	}
	var err error
	if r.Status, err = statusOf(h.status); err != nil {
		return err
	}
	unanswered := r.Status == 0 || r.Endpoint == ""
	if h.milliseconds != "-1" || !unanswered { // -1: it never came to an end
		ms, err := amount("the time that the request took", h.milliseconds)
		if err != nil {
			return err
		}
		r.Latency = milliseconds(ms)
	}
	if brokenOff(h.state) && r.Status < 500 {
		r.Status = 0
	}
	if n, again := strings.CutPrefix(h.retries, "+"); n != "" {
		times, err := strconv.Atoi(n)
		switch {
		case err != nil || times < 0:
			return fmt.Errorf("the retries are %s; want a number", shown(h.retries))
		case again: // redispatched: it was another server that did not answer
			e.unnamed += times
		case times > 0 && r.Status < 500: // this one answered at last, but not when it was asked
			r.Status = 0
		}
	}
	return e.add(r)
}

// brokenOff reports whether a termination state says that the server ended the
// session, by breaking off, running into its timeout or going down. The status
// does not tell once the answer had begun.
func brokenOff(state string) bool { return state != "" && strings.Contains("SsD", state[:1]) }
