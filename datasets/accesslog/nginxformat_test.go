package accesslog

import (
	"strings"
	"testing"
	"time"
)

const ownFormat = `log: $time_iso8601 "$request" ${status}s $host $upstream_addr $upstream_response_time $request_time`

func TestOwnLogFormat(t *testing.T) {
	for name, c := range map[string]struct{ format, line string }{
		"plain":  {ownFormat, `log: 2026-11-27T00:35:56+00:00 "GET /a\x22b HTTP/1.1" 200s shop 10.0.0.1:80, 10.0.0.2:80 0.100, 0.200 0.300`},
		"pieces": {"'log: $time_iso8601 '\n  '\"$request\" ${status}s '   '$host $upstream_addr $upstream_response_time $request_time';", `log: 2026-11-27T00:35:56+00:00 "GET /a\x22b HTTP/1.1" 200s shop 10.0.0.1:80, 10.0.0.2:80 0.100, 0.200 0.300`},
		"json": {`escape=json {"at":"$msec","agent":"$http_user_agent","line":"$request","code":$status,"to":"$upstream_addr","took":"$upstream_response_time","all":$request_time,"host":"$host"}`,
			`{"at":"1795739756.000","agent":"a\",\"line\":\"","line":"GET /a\"b HTTP/1.1","code":200,"to":"10.0.0.1:80, 10.0.0.2:80","took":"0.100, 0.200","all":0.300,"host":"shop"}`},
	} {
		cfg := DefaultConfig()
		cfg.LogFormat = c.format
		got, _, err := all(t, cfg, file(t, "access.log", text(c.line)))
		if err != nil || len(got) != 2 {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		if r := got[1]; r.Endpoint != "10.0.0.2:80" || r.Path != `/a"b` || r.Status != 200 || r.Latency != 200*ms || !r.Time.Equal(date("00:35:55.8")) || got[0].Status != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestBadLogFormats(t *testing.T) {
	for format, want := range map[string]string{
		"$msec $status $request_time":                  "$upstream_addr",
		"$upstream_addr $status $request_time":         "no time",
		"$upstream_addr $status $msec":                 "$upstream_response_time",
		"$upstream_addr $msec $request_time":           "$status",
		"$upstream_addr$msec $request_time $status":    "nothing stands between",
		"$upstream_addr $ $msec $request_time $status": "without a variable",
		"": "$upstream_addr",
	} {
		if _, err := compileNginx(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives the error %v; want one about %q", format, err, want)
		}
	}
}

func FuzzNginxFormat(f *testing.F) {
	f.Add(ownFormat, nginxLine)
	f.Add(NginxLogFormat, nginxLine)
	f.Add(ingressLogFormat, ingressLine)
	f.Add(`{"a":"$msec","b":"$upstream_addr","c":"$request_time","d":"$status"}`, `{"a":"1\"","b":", : ","c":"","d":"\\"}`)
	f.Fuzz(func(t *testing.T, format, line string) {
		compiled, err := compileNginx(format)
		if err != nil {
			return
		}
		var e entry
		if err := (nginx{compiled}).parse(line, &e); err == nil && len(e.attempts) > 0 && e.ended.After(latest.Add(3*longestRequest*time.Duration(len(e.attempts)))) {
			t.Errorf("%q of %q: %+v", line, format, e)
		}
	})
}
