package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api"
)

// telemetryOptions are the flags of logs and traces.
type telemetryOptions struct {
	logFormat          string
	logLevel           slog.Level
	logSlow            time.Duration
	logPart, tracePart float64
	otlp               string
}

func (o *telemetryOptions) flags(fs *flag.FlagSet) {
	filter := api.DefaultLogConfig()
	fs.StringVar(&o.logFormat, "log-format", "text", "`form` of the log: text or json")
	fs.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "least `level` that is logged: debug, info, warn or error; PUT /loglevel on the admin port changes it")
	fs.DurationVar(&o.logSlow, "log-slow", filter.Slow, "`time` from which a call is logged, as those that fail are")
	fs.Var((*part)(&o.logPart), "log-part", "`part` of the other calls, such as 1%, that is logged too")
	fs.StringVar(&o.otlp, "otlp", "", "`URL` of an OpenTelemetry collector (OTLP over gRPC) that gets traces, http:// in plain text; default: $OTEL_EXPORTER_OTLP_ENDPOINT, else none")
	o.tracePart = 0.01
	fs.Var((*part)(&o.tracePart), "trace-part", "`part` of the calls that are traced where the caller has not chosen; $OTEL_TRACES_SAMPLER comes before it")
}

func (o *telemetryOptions) check() error {
	if o.logFormat != "text" && o.logFormat != "json" {
		return usage(fmt.Sprintf("--log-format is %q; want text or json", o.logFormat))
	}
	if err := o.filter().Validate(); err != nil {
		return usage(fmt.Sprintf("--log-slow: %v", err))
	}
	if u, err := url.Parse(o.otlp); o.otlp != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return usage(fmt.Sprintf("--otlp is %q; want a URL such as http://127.0.0.1:4317", masked(o.otlp)))
	}
	return nil
}

func (o *telemetryOptions) filter() api.LogConfig {
	cfg := api.DefaultLogConfig()
	cfg.Slow, cfg.Part = o.logSlow, o.logPart
	return cfg
}

// logger writes to w from a level on that can be changed while it is used.
func (o *telemetryOptions) logger(w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(o.logLevel)
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), level
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), level
}

// setting is a flag as it is in force.
type setting struct {
	name, value string
	given       bool // on the command line or in the configuration file
}

func settings(fs *flag.FlagSet) []setting {
	var all []setting
	fs.VisitAll(func(f *flag.Flag) { all = append(all, setting{name: f.Name, value: f.Value.String()}) })
	fs.Visit(func(f *flag.Flag) {
		for i := range all {
			all[i].given = all[i].given || all[i].name == f.Name
		}
	})
	return all
}

// given says whether a flag was set by anyone.
func (o *options) given(name string) bool {
	for _, s := range o.settings {
		if s.name == name {
			return s.given
		}
	}
	return false
}

var (
	userinfo = regexp.MustCompile(`(://)\S*@`)
	secret   = regexp.MustCompile(`(?i)((?:pass(?:word|wd|phrase)?|secret|token|key|auth(?:orization)?|sig(?:nature)?)=)('[^']*'|[^\s&]+)`)
)

// masked hides what may be secret in a value: the user of a URL, with its
// password, and what stands behind password=, token= and the like.
func masked(value string) string {
	return secret.ReplaceAllString(userinfo.ReplaceAllString(value, "${1}xxxxx@"), "${1}xxxxx")
}

// build is what the Go command has noted of this program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

// version may be set by the linker: -ldflags "-X main.version=1.2.3".
var version string

func thisBuild() build {
	b := build{Version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Go = info.GoVersion; b.Version == "" {
		b.Version = strings.Trim(info.Main.Version, "()")
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// buildInfo is the metric of it.
func buildInfo() prometheus.Collector {
	b := thisBuild()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_build_info", Help: "The build that runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "go": b.Go},
	}, func() float64 { return 1 })
}

// environment is the first of these variables that is set.
func environment(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}
