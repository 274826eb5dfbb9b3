package accesslog

import (
	"errors"
	"time"
)

// haproxyJSON reads the JSON of a log-format, be it of %{+json}o (HAProxy 3.0
// or newer) or written by hand. Its keys are whoever wrote it chose; these are
// the usual ones.
type haproxyJSON struct{ location *time.Location }

var (
	haproxyServer  = []string{"server_name", "srv_name", "server", "haproxy_serverName", "server.name", "name.server", "haproxy.name.server"}
	haproxyBackend = []string{"backend_name", "be_name", "backend", "haproxy_backend", "backend.name", "name.backend", "haproxy.name.backend"}
	haproxyStatus  = []string{"status_code", "http_status", "http_status_code", "status", "response.status_code", "haproxy.response.status_code"}
	haproxyTook    = []string{"time_active", "active_time", "request_active_time", "Ta", "ta", "timers.request_active_time", "time.ta",
		"time_total", "total_time", "session_duration", "time_duration", "Tt", "tt", "haproxy_Tt", "timers.tcp_session_duration", "time.tt", "haproxy.time.tt"}
	haproxyWhen = []string{"request_date", "accept_date", "start_time", "date_time", "datetime", "timestamp", "time", "haproxy_dateTime",
		"gmt_date_time", "local_date_time", "request.start_gmt"}
	haproxyState   = []string{"termination_state", "termination_state_cookie", "termination_state_with_cookie_status", "haproxy_terminationState", "haproxy.termination_state"}
	haproxyRetries = []string{"retries", "rc", "haproxy_retries", "counters.retries", "haproxy.retries"}
	haproxyMethod  = []string{"http_method", "method", "request_method", "request.method", "network.request.method"}
	haproxyPath    = []string{"http_uri", "http_request_path", "http_request_uri", "path", "uri", "request.uri"}
	haproxyRequest = []string{"http_request", "request_line", "request"}
)

func (p haproxyJSON) parse(line string, e *entry) error {
	f, err := objectOf(line)
	if err != nil {
		return err
	}
	if !f.any(haproxyBackend...) {
		return errAlien
	}
	switch {
	case !f.any(haproxyServer...):
		return errors.New("the log-format has no %s as server_name, so no endpoint is told")
	case !f.any(haproxyStatus...):
		return errors.New("the log-format has no %ST as status_code")
	case !f.any(haproxyTook...):
		return errors.New("the log-format has neither %Ta as time_active nor %Tt as time_total")
	case !f.any(haproxyWhen...):
		return errors.New("the log-format has no %tr as request_date")
	}
	said := haproxySaid{
		backend: f.first(haproxyBackend...), server: f.first(haproxyServer...),
		status: f.first(haproxyStatus...), state: f.first(haproxyState...), retries: f.first(haproxyRetries...),
		milliseconds: f.first(haproxyTook...), method: f.first(haproxyMethod...), path: f.first(haproxyPath...),
	}
	if said.method == "" || said.path == "" {
		said.method, said.path = requestLine(f.first(haproxyRequest...))
	}
	if said.at, err = instant(f.first(haproxyWhen...), p.location); err != nil {
		return err
	}
	return said.into(e)
}
