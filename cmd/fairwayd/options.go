package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// options are the flags. A configuration file sets them by the same names.
type options struct {
	model, prometheus, recording, rules, schema string
	listen, admin, haproxyAgent                 string
	speed                                       float64
	from                                        string
	once, shadow, checkConfig                   bool
	explore, holdOut                            float64
	staleAfter                                  time.Duration
	telemetryOptions
	journalOptions
	tlsOptions
	httpOptions
	reloadOptions
	databaseOptions
	haproxyOptions
	discoveryOptions
	cacheOptions
	guessed  bool      // nobody named a source of metrics
	settings []setting // all flags, as they are in force
}

// defaultPrometheus is tried where nobody says where the metrics are.
const defaultPrometheus = "http://127.0.0.1:9090"

// usage is an error of the command line.
type usage string

func (u usage) Error() string { return string(u) }

// parse reads the flags and then, for those that were not given, the
// configuration file. It prints the help when asked to.
func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	config := ""
	fs := o.flags(&config)
	fs.SetOutput(io.Discard)
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stderr, "Usage: fairwayd [--model MODEL|REGISTRY] [--prometheus URL|FILE | --recording PATH] [--rules PATH] [flags]")
		fs.SetOutput(stderr)
		fs.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, usage(err.Error())
	case fs.NArg() > 0:
		return nil, usage(fmt.Sprintf("%q is not a flag", fs.Arg(0)))
	}
	if config != "" {
		if err := configure(fs, config); err != nil {
			return nil, err
		}
	}
	if o.prometheus == "" && o.recording == "" && (o.rules == "" || o.model != "" || hasKind(o.found(), "kubernetes")) {
		o.prometheus, o.guessed = defaultPrometheus, true
	}
	o.settings = settings(fs)
	return o, o.check()
}

func (o *options) flags(config *string) *flag.FlagSet {
	fs := flag.NewFlagSet("fairwayd", flag.ContinueOnError)
	fs.StringVar(&o.model, "model", "", "model `file`, or a registry (a directory or a postgres:// URL), of which the latest is served; without one the rules answer")
	fs.StringVar(&o.prometheus, "prometheus", "", "`URL` of a Prometheus server to poll, or a source file that tells it")
	fs.StringVar(&o.recording, "recording", "", "recording to play instead, at `path`")
	fs.StringVar(&o.rules, "rules", "", "rules: a `file` or directory of fairway's own, Istio's or the Gateway API's, or a directory or postgres:// URL of versions of them, of which the latest are served; without one every service has one route with all endpoints")
	fs.StringVar(&o.schema, "schema", "", "schema `file` or name; default: the model's, else whichever fits")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:7443", "`address` of the gRPC API: host:port, or unix:PATH for a socket of this machine's user and group")
	fs.StringVar(&o.admin, "admin", "127.0.0.1:7444", "`address` of /metrics, /healthz, /readyz, /version, /config, /loglevel, /threats and /debug/pprof over HTTP; \"\" is none")
	fs.StringVar(&o.haproxyAgent, "haproxy-agent", "", "`address` of the agent for HAProxy's agent checks; default: none")
	fs.Float64Var(&o.speed, "speed", 1, "how many seconds of a recording pass in one")
	fs.StringVar(&o.from, "from", "start", "`where` a recording begins to be served: start, or held-back, the part that the model never saw")
	fs.BoolVar(&o.once, "once", false, "stop at the end of the recording; otherwise what it brought last is served on, as stale")
	fs.BoolVar(&o.shadow, "shadow", false, "ask the model, and serve what the rules say")
	fs.Var((*part)(&o.explore), "explore", "`part` of the traffic, such as 5%, that all endpoints share alike")
	fs.Var((*part)(&o.holdOut), "hold-out", "`part` of the drains, such as 5%, that is not carried out, so that forecasts can be judged")
	fs.DurationVar(&o.staleAfter, "stale-after", 0, "`age` of the metrics from which the model is not asked; default: three windows and the delay of its metrics")
	o.telemetryOptions.flags(fs)
	o.journalOptions.flags(fs)
	o.reloadOptions.flags(fs)
	o.databaseOptions.flags(fs)
	o.cacheOptions.flags(fs)
	fs.BoolVar(&o.checkConfig, "check-config", false, "read everything that is named here, say what it is, and stop")
	o.tlsOptions.flags(fs)
	o.httpOptions.flags(fs)
	o.haproxyOptions.flags(fs)
	o.discoveryOptions.flags(fs)
	fs.StringVar(config, "config", "", "YAML `file` with any of these flags by name, such as \"stale_after: 30s\"; a flag comes before it")
	return fs
}

// part is a flag for a part of a whole.
type part float64

func (p *part) String() string { return strconv.FormatFloat(float64(*p)*100, 'g', -1, 64) + "%" }

func (p *part) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x < 1) {
		return errors.New("want a part such as 5% or 0.05, less than 100%")
	}
	*p = part(x)
	return nil
}

// configure sets the flags that the file names and the command line did not.
func configure(fs *flag.FlagSet, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("--config: %s: %w", path, err)
	}
	if document.Kind == 0 { // an empty file
		return nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("--config: %s:%d: want lines such as \"listen: 127.0.0.1:7443\"", path, root.Line)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	seen := map[string]bool{}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := strings.ReplaceAll(key.Value, "_", "-")
		switch {
		case fs.Lookup(name) == nil || name == "config":
			return fmt.Errorf("--config: %s:%d: %q is not a setting; the settings are the flags, see --help", path, key.Line, key.Value)
		case value.Kind != yaml.ScalarNode:
			return fmt.Errorf("--config: %s:%d: %s has more than one value", path, value.Line, key.Value)
		case seen[name]:
			return fmt.Errorf("--config: %s:%d: %s stands twice", path, key.Line, key.Value)
		}
		if seen[name] = true; given[name] {
			continue
		}
		if err := fs.Set(name, value.Value); err != nil {
			return fmt.Errorf("--config: %s:%d: %s is %q: %w", path, value.Line, key.Value, value.Value, err)
		}
	}
	return nil
}

// check refuses what makes no sense together.
func (o *options) check() error {
	switch {
	case o.prometheus != "" && o.recording != "":
		return usage("--prometheus and --recording: the metrics come from one or the other")
	case !(o.speed > 0 && o.speed <= 1e6):
		return usage(fmt.Sprintf("--speed is %v; want more than 0, at most 1000000", o.speed))
	case o.from != "start" && o.from != "held-back":
		return usage(fmt.Sprintf("--from is %q; want start or held-back", o.from))
	case o.from == "held-back" && (o.recording == "" || o.model == ""):
		return usage("--from held-back needs --recording, and the --model that says which part was held back")
	case o.once && o.recording == "":
		return usage("--once needs --recording")
	case o.shadow && o.model == "":
		return usage("--shadow needs a --model to listen to")
	case o.shadow && o.explore > 0:
		return usage("--shadow and --explore: the one leaves the traffic alone, the other does not")
	case o.staleAfter < 0:
		return usage(fmt.Sprintf("--stale-after is %v; want 0 or more", o.staleAfter))
	}
	return errors.Join(o.checkAddresses(), o.telemetryOptions.check(), o.tlsOptions.check(), o.reloadOptions.check(), o.databaseOptions.check(), o.journalOptions.check(), o.haproxyOptions.check(), o.cacheOptions.check(), o.discoveryOptions.check())
}
