package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"time"

	"github.com/fairway-mesh/fairway/api/guard"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// mountThreats serves what the guard makes of its callers, and takes what
// operators say of them. What a browser sends for another site is refused: it
// comes from this machine, where the port is open to all.
func (d *daemon) mountThreats(mux *http.ServeMux) {
	judge := d.secure.guard.Judge()
	mux.HandleFunc("GET /threats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, judge.View()) })
	var sites http.CrossOriginProtection
	mux.Handle("POST /threats", sites.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<10))
		if err == nil {
			err = d.overrule(judge, text, operator(r))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, judge.View())
	})))
}

// overruling is the body of a POST: an override, whose level is auto to end one, and
// which may last For instead of Until.
type overruling struct {
	Identity string    `json:"identity"`
	Level    string    `json:"level"`
	Until    time.Time `json:"until"`
	For      string    `json:"for"`
	Why      string    `json:"why"`
}

// longestOverride is how long an override lasts that is said while running, where
// nobody says otherwise.
const longestOverride = time.Hour

// readOverride reads the body of a POST. It is an override, or clear is set.
func readOverride(text []byte, now time.Time) (o threat.Override, clear bool, err error) {
	in, lines := overruling{}, json.NewDecoder(bytes.NewReader(text))
	lines.DisallowUnknownFields()
	if err := lines.Decode(&in); err != nil {
		return o, false, fmt.Errorf(`want {"identity": …, "level": "low", "medium", "high" or "auto", "for": "1h", "why": …}: %w`, err)
	}
	o = threat.Override{Identity: in.Identity, Until: in.Until, Why: in.Why}
	if in.Level == "auto" {
		return o, true, nil
	}
	if err := o.Level.UnmarshalText([]byte(in.Level)); err != nil {
		return o, false, err
	}
	lasts := longestOverride
	if in.For != "" {
		if !in.Until.IsZero() {
			return o, false, errors.New("for and until: one or the other")
		}
		if lasts, err = time.ParseDuration(in.For); err != nil || lasts <= 0 {
			return o, false, fmt.Errorf("for is %q; want a duration such as 1h", in.For)
		}
	}
	if o.Until.IsZero() {
		o.Until = now.Add(lasts)
	}
	if !o.Until.After(now) {
		return o, false, fmt.Errorf("until %v has passed", o.Until)
	}
	return o, false, o.Validate()
}

func (d *daemon) overrule(judge *threat.Judge, text []byte, who string) error {
	o, clear, err := readOverride(text, time.Now())
	if err != nil {
		return err
	}
	if !clear {
		d.log.Warn("a threat level is overruled", "by", who, "identity", o.Identity, "level", o.Level, "until", o.Until, "why", o.Why)
		return judge.Override(o)
	}
	if !judge.Clear(o.Identity) {
		return fmt.Errorf("nobody overruled the level of %q here; overrides of the access file are cleared there", o.Identity)
	}
	d.log.Warn("an overruled threat level is cleared", "by", who, "identity", o.Identity, "why", o.Why)
	return nil
}

// operator is who asks on the admin port.
func operator(r *http.Request) string {
	if name := guard.Identity(r.Context()); name != "" {
		return name
	}
	return guard.Local
}

// trouble is where net/http logs what goes wrong with connections: handshakes,
// which anybody can fail at, are counted as strangers', and nothing is written.
func (s *security) trouble() *stdlog.Logger { return stdlog.New(handshakes{s.guard.Judge()}, "", 0) }

type handshakes struct{ judge *threat.Judge }

func (h handshakes) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("TLS handshake error")) {
		h.judge.Stranger(errors.New("over HTTP"))
	}
	return len(line), nil
}
