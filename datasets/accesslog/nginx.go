package accesslog

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

const nginxName = "nginx"

// NginxLogFormat is the log_format that is read unless another is given:
// nginx's "combined", so that other tools still read it, and behind it what
// tells of endpoints.
const NginxLogFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" ` +
	`$msec $request_time $proxy_host "$upstream_addr" "$upstream_response_time" "$upstream_status"`

// ingressLogFormat is what the Kubernetes ingress controller of nginx writes
// unless it is told otherwise.
const ingressLogFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" ` +
	`$request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id`

// The variables of nginx that say when, and to which service.
var (
	nginxTimes    = []string{"msec", "time_iso8601", "time_local"}
	nginxServices = []string{"proxy_upstream_name", "proxy_host", "upstream_name", "host", "http_host", "server_name"}
)

// nginx reads the lines of a log_format.
type nginx struct{ format *nginxFormat }

func (p nginx) parse(line string, e *entry) error {
	values, err := p.format.match(line)
	if err != nil {
		return err
	}
	return fromNginx(func(name string) string { return values[name] }, e)
}

// nginxJSON reads JSON whose keys are the names of nginx's variables.
type nginxJSON struct{}

func (nginxJSON) parse(line string, e *entry) error {
	f, err := objectOf(line)
	if err != nil {
		return err
	}
	if !f.has("upstream_addr", "status") || !f.any(nginxTimes...) || !f.any("upstream_response_time", "request_time") {
		return errAlien
	}
	return fromNginx(func(name string) string { return f[name] }, e)
}

// fromNginx makes requests of the variables. nginx asks one endpoint after the
// other and writes all of them into one line: each is a request to its
// endpoint, which arrived when the one before had ended. All but the last
// failed, unless $upstream_status tells.
func fromNginx(value func(string) string, e *entry) error {
	end, err := nginxEnd(value)
	if err != nil {
		return err
	}
	took, err := nginxSeconds("request_time", value("request_time"))
	if err != nil {
		return err
	}
	addresses := nginxList(value("upstream_addr"))
	each, err := nginxEach(value("upstream_response_time"), took, len(addresses))
	if err != nil {
		return err
	}
	if took == 0 {
		for _, d := range each {
			took += d
		}
	}
	statuses := nginxList(value("upstream_status"))
	if len(statuses) != 0 && len(statuses) != len(addresses) {
		return fmt.Errorf("$upstream_addr names %d endpoints, $upstream_status has %d", len(addresses), len(statuses))
	}
	r := datasets.Request{Time: end.Add(-took), Method: value("request_method"), Path: plainPath(nginxPath(value))}
	if r.Method == "" {
		r.Method, r.Path = requestLine(unescaped(value("request")))
		r.Path = plainPath(r.Path)
	}
	for _, name := range nginxServices {
		if r.Service = dashless(value(name)); r.Service != "" {
			break
		}
	}
	for i, address := range addresses {
		status := ""
		switch {
		case len(statuses) != 0:
			status = statuses[i]
		case i == len(addresses)-1:
			status = value("status")
		}
		if r.Status, err = statusOf(status); err != nil {
			return err
		}
		r.Endpoint, r.Latency = nginxEndpoint(address), each[i]
		if err := e.add(r); err != nil {
			return err
		}
		r.Time = r.Time.Add(r.Latency)
	}
	if end.After(e.ended) {
		e.ended = end
	}
	return nil
}

func nginxPath(value func(string) string) string {
	for _, name := range []string{"uri", "request_uri", "document_uri"} {
		if v := value(name); v != "" {
			return unescaped(v)
		}
	}
	return ""
}

// nginxEnd is when the line was written, as exactly as the format tells.
func nginxEnd(value func(string) string) (time.Time, error) {
	for _, name := range nginxTimes {
		if v := value(name); v != "" {
			return instant(v, time.UTC)
		}
	}
	return time.Time{}, errors.New("the line tells no time")
}

// nginxEndpoint is an address. Where no endpoint was left to ask, nginx writes
// the name of the group.
func nginxEndpoint(address string) string {
	if strings.Contains(address, ":") {
		return address
	}
	return ""
}

func nginxSeconds(what, text string) (time.Duration, error) {
	if text = dashless(text); text == "" {
		return 0, nil
	}
	s, err := amount("$"+what, text)
	return seconds(s), err
}

// nginxEach is how long each of n endpoints took; where nothing tells, the one
// endpoint took as long as the request.
func nginxEach(text string, took time.Duration, n int) ([]time.Duration, error) {
	each := make([]time.Duration, n)
	list := nginxList(text)
	if len(list) == 0 && n == 1 {
		each[0] = took
		return each, nil
	}
	if len(list) != n {
		return nil, fmt.Errorf("$upstream_addr names %d endpoints, $upstream_response_time has %d", n, len(list))
	}
	for i, v := range list {
		var err error
		if each[i], err = nginxSeconds("upstream_response_time", v); err != nil {
			return nil, err
		}
	}
	return each, nil
}

// nginxList takes apart what nginx writes of several endpoints: commas between
// those of one group, colons between groups.
func nginxList(text string) []string {
	if text = dashless(strings.TrimSpace(text)); text == "" {
		return nil
	}
	var all []string
	for group := range strings.SplitSeq(text, " : ") {
		all = append(all, strings.Split(group, ", ")...)
	}
	return all
}
