package replay

import (
	"time"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/fitted"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// Table is the result of a replay. It marshals to JSON, where an unknown
// number is null. Latencies and costs are in seconds, ratios from 0 to 1.
type Table struct {
	Label     string    `json:"label"`
	Recording string    `json:"recording"`
	From      time.Time `json:"from"` // the first judged decision
	To        time.Time `json:"to"`   // the end of the last horizon
	Step      float64   `json:"step_seconds"`
	Horizon   float64   `json:"horizon_seconds"`
	Block     float64   `json:"block_seconds"`
	Resamples int       `json:"resamples"`
	Level     float64   `json:"level"`
	Seed      uint64    `json:"seed"`
	Reference string    `json:"reference"`
	LeftOut   []LeftOut `json:"left_out,omitempty"`
	// Sections has one entry for each service, after one for all of them where
	// there are several. Requests is the same from the request log, if any.
	Sections []Section        `json:"sections"`
	Requests []RequestSection `json:"request_sections,omitempty"`
	// Simulated is what the policies did in a mesh that was fitted to the
	// recording, if that was asked for.
	Simulated *fitted.Result `json:"simulated,omitempty"`
	// Verdicts has one for each policy but the reference.
	Verdicts []finding.Verdict `json:"verdicts,omitempty"`
	Warnings []string          `json:"warnings,omitempty"`
}

// Section compares the rows on one service, or on all when Service is empty.
type Section struct {
	Service   string  `json:"service,omitempty"`
	Endpoints int     `json:"endpoints"`
	Windows   int     `json:"windows"`
	Idle      int     `json:"idle_windows"`
	Requests  float64 `json:"requests"` // of the judged horizons, which overlap
	Blocks    int     `json:"blocks"`   // that hold a judged window
	// FailureCost of a request, in seconds; 0 for all services.
	FailureCost float64 `json:"failure_cost_seconds,omitempty"`
	Rows        []Row   `json:"rows"`
	// Curves are for pictures; nil for all services.
	Curves *Curves `json:"-"`
}

// Row is one policy, or AsRecorded or HindsightBest. All figures are means
// over the windows, weighed by their requests; but P99 is the mean of the
// windows' p99, not that of all requests together.
type Row struct {
	Policy      string         `json:"policy"`
	Cost        Estimate       `json:"cost_seconds"`
	P99         Estimate       `json:"p99_seconds"`
	Errors      Estimate       `json:"error_ratio"`
	Agreement   Estimate       `json:"agreement"`
	Regret      Number         `json:"regret_seconds"`
	Turnover    Number         `json:"turnover_per_minute"` // total variation of the weights
	Moved       Number         `json:"moved"`               // total variation from the recorded shares
	SampleRatio Number         `json:"effective_sample_ratio"`
	Unseen      Number         `json:"unseen"` // weight on endpoints that showed nothing
	Sources     map[string]int `json:"sources,omitempty"`
	Reasons     map[string]int `json:"reasons,omitempty"`
}

// Table sums the trace up.
func (t *Trace) Table() *Table {
	clock, cfg := t.blocks(), &t.cfg
	first, last := t.span()
	table := &Table{
		Label: Label, Recording: cfg.Recording, From: first, To: last.Add(cfg.Timing.Horizon),
		Step: cfg.Timing.Step.Seconds(), Horizon: cfg.Timing.Horizon.Seconds(), Block: clock.length.Seconds(),
		Resamples: cfg.Resamples, Level: cfg.Level, Seed: cfg.Seed, Reference: cfg.Reference, LeftOut: t.LeftOut(),
	}
	services := t.Services()
	if len(services) > 1 {
		services = append([]string{""}, services...)
	}
	for _, service := range services {
		table.Sections = append(table.Sections, t.section(service, clock))
	}
	if t.log != nil {
		for _, service := range services {
			table.Requests = append(table.Requests, t.log.section(service, t))
		}
	}
	table.Simulated = t.simulated
	table.Verdicts = t.verdicts(table)
	table.Warnings = t.warnings(table)
	return table
}

// section sums up the windows of one service, or of all.
func (t *Trace) section(service string, c clock) Section {
	s := Section{Service: service}
	for name, n := range t.Endpoints {
		if service == "" && n > 1 || service == name {
			s.Endpoints += n
			s.Idle += t.Idle[name]
		}
	}
	if service != "" {
		s.FailureCost = t.cfg.objective(service).Cost(0, 1)
		s.Curves = t.curves(service)
	}
	sums := make([]rowSums, len(t.Rows))
	for i := range sums {
		sums[i] = newRowSums(c.n)
	}
	windows := make(ope.Ratio, c.n)
	before := map[string]time.Time{}
	for _, w := range t.Windows {
		if service != "" && service != w.Service {
			continue
		}
		block, minutes := c.of(w.Time), w.Time.Sub(before[w.Service]).Minutes()
		before[w.Service] = w.Time
		windows.Add(block, 1, 1)
		s.Windows++
		s.Requests += w.Requests
		for i := range sums {
			sums[i].add(block, w, &w.Steps[i], minutes)
		}
	}
	draws := ope.NewBootstrap(windows.Filled(), t.cfg.Resamples, t.cfg.Level, t.cfg.Seed)
	s.Blocks = len(draws.Blocks)
	reference := t.reference()
	for i, name := range t.Rows {
		row := sums[i].row(draws, &sums[reference], i == reference)
		row.Policy = name
		if name == AsRecorded || name == HindsightBest {
			row.Sources, row.Reasons = nil, nil
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// reference is the row that all others are compared with.
func (t *Trace) reference() int {
	for i, name := range t.Rows {
		if name == t.cfg.Reference {
			return i
		}
	}
	return 0
}

// rowSums is everything of one row that a bootstrap needs, block by block.
type rowSums struct {
	cost, p99, errors, agreement             ope.Ratio
	regret, turnover, moved, stretch, unseen ope.Ratio
	sources, reasons                         map[string]int
}

func newRowSums(blocks int) rowSums {
	s := rowSums{sources: map[string]int{}, reasons: map[string]int{}}
	for _, r := range []*ope.Ratio{&s.cost, &s.p99, &s.errors, &s.agreement, &s.regret, &s.turnover, &s.moved, &s.stretch, &s.unseen} {
		*r = make(ope.Ratio, blocks)
	}
	return s
}

func (s *rowSums) add(block int, w *Window, step *Step, minutes float64) {
	s.cost.Add(block, step.Cost, w.Requests)
	s.p99.Add(block, step.P99, w.Requests)
	s.errors.Add(block, step.Errors, w.Requests)
	s.agreement.Add(block, step.Agreement, w.Requests)
	s.regret.Add(block, step.Regret, w.Requests)
	s.moved.Add(block, step.Moved, w.Requests)
	s.stretch.Add(block, step.Stretch, w.Requests)
	s.unseen.Add(block, step.Unseen, w.Requests)
	s.turnover.Add(block, step.Turnover/minutes, minutes)
	s.sources[step.Source.String()]++
	if step.Reason != "" {
		s.reasons[string(step.Reason)]++
	}
}

func (s *rowSums) row(b *ope.Bootstrap, reference *rowSums, same bool) Row {
	against := func(own, other ope.Ratio) Estimate {
		if same {
			return b.Estimate(b.Sample(own.Value))
		}
		return b.Against(b.Sample(own.Value), b.Sample(other.Value))
	}
	mean := func(r ope.Ratio) Number { return Number(r.Value(b.Blocks)) }
	return Row{
		Cost:      against(s.cost, reference.cost),
		P99:       against(s.p99, reference.p99),
		Errors:    against(s.errors, reference.errors),
		Agreement: against(s.agreement, reference.agreement),
		Regret:    mean(s.regret), Turnover: mean(s.turnover), Moved: mean(s.moved),
		SampleRatio: 1 / mean(s.stretch), Unseen: mean(s.unseen),
		Sources: s.sources, Reasons: s.reasons,
	}
}
