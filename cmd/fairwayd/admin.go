package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminMux serves what operators ask: /metrics (OpenMetrics and, in protobuf,
// native histograms, to scrapers that ask for them), /healthz (the program
// runs), /readyz (it has a table that a policy made), /version, /config,
// /loglevel, /threats and profiles.
func (d *daemon) adminMux() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.reg, promhttp.HandlerOpts{Registry: d.reg, EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !d.loop.Ready() {
			http.Error(w, d.missing(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
		if err := d.loop.Trouble(); err != nil {
			fmt.Fprintln(w, "but there are no metrics now:", masked(err.Error()))
		}
		if err := d.unfound(); err != nil {
			fmt.Fprintln(w, "but services are not found now:", masked(err.Error()))
		}
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, thisBuild()) })
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, d.inForce()) })
	d.mountThreats(mux)
	mux.HandleFunc("GET /loglevel", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, d.level.Level()) })
	mux.HandleFunc("PUT /loglevel", d.setLevel)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not shown, for it may hold secrets: see /config", http.StatusNotFound)
	})
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// missing says what the daemon waits for.
func (d *daemon) missing() string {
	const still = "not ready: no policy has made a table yet. "
	switch {
	case d.prometheus != "":
		return still + "Waiting for a first window of metrics from " + d.asked() + "; fairway_poll_errors_total counts polls that failed, and the log says why"
	case d.recording != "":
		return still + "Waiting for the first window that is served of " + d.recording
	}
	text := still + "Waiting for the first decision on the services of " + d.options.rules
	if d.directory != nil {
		text += fmt.Sprintf(", or on those that are found: %d so far", len(d.directory.Snapshot().Services()))
	}
	if err := d.unfound(); err != nil {
		text += ", since " + masked(err.Error())
	}
	return text
}

// inForce are the settings by name. What may be secret in them is masked.
func (d *daemon) inForce() map[string]string {
	all := map[string]string{}
	for _, s := range d.settings {
		all[s.name] = masked(s.value)
	}
	if d.guessed { // nobody has set it
		all["prometheus"] = d.asked()
	}
	return all
}

// setLevel changes the level of the log: curl -X PUT -d debug …/loglevel.
func (d *daemon) setLevel(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16))
	if err == nil {
		was := d.level.Level()
		if err = d.level.UnmarshalText(text); err == nil {
			d.log.Log(r.Context(), max(was, d.level.Level()), "the log's level is changed", "from", was, "to", d.level.Level())
			fmt.Fprintln(w, d.level.Level())
			return
		}
	}
	http.Error(w, "want debug, info, warn or error: "+err.Error(), http.StatusBadRequest)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // an error is the client's, who is gone
}
