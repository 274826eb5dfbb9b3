package replay

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// RequestSection values the rows on the request log of one service, or of all
// when Service is empty.
type RequestSection struct {
	Service   string `json:"service,omitempty"`
	Requests  int    `json:"requests"` // with a propensity, while a judged decision was in force
	Unknown   int    `json:"without_propensity"`
	Strangers int    `json:"to_unknown_endpoints"`
	Blocks    int    `json:"blocks"`
	// Clip is the bound of the weights.
	Clip float64      `json:"clip"`
	Rows []RequestRow `json:"rows"`
}

// RequestRow is the SNIPS value of one row; AsRecorded is the plain mean.
type RequestRow struct {
	Policy     string   `json:"policy"`
	Cost       Estimate `json:"cost_seconds"`
	P99        Estimate `json:"p99_seconds"` // of all requests together
	Errors     Estimate `json:"error_ratio"`
	SampleSize Number   `json:"effective_sample_size"`
	Clipped    Number   `json:"clipped"`     // part of the requests whose weight was cut
	MeanWeight Number   `json:"mean_weight"` // before clipping; near 1 when propensities and overlap are right
	// Refused says why the row has no value, or no p99.
	Refused string `json:"refused,omitempty"`
}

// tailFactor is how much larger a sample the p99 needs than a mean.
const tailFactor = 10

// section sums up the log of one service, or of all.
func (l *log) section(service string, t *Trace) RequestSection {
	s := RequestSection{Service: service, Clip: t.cfg.Clip}
	names := t.Rows[:len(t.Rows)-1]
	sums := newLogSums(len(names), t.blocks().n)
	for _, name := range slices.Sorted(maps.Keys(l.services)) {
		if service != "" && service != name {
			continue
		}
		counts := l.counts[name]
		s.Requests += counts.used
		s.Unknown += counts.unknown
		s.Strangers += counts.strangers
		for i := range sums {
			sums[i].merge(&l.services[name][i])
		}
	}
	recorded := &sums[len(sums)-1] // has weight 1 for every request
	draws := newBootstrap(recorded.cost.filled(), t.cfg.Resamples, t.cfg.Level, t.cfg.Seed)
	s.Blocks = len(draws.all)
	at := min(t.reference(), len(sums)-1) // HindsightBest has no value here
	reference := sums[at].samples(draws, &t.cfg)
	for i, name := range names {
		row := sums[i].row(draws, &t.cfg, reference, i == at)
		row.Policy = name
		s.Rows = append(s.Rows, row)
	}
	return s
}

// logSamples are the three statistics of a row; unknown where refused.
type logSamples struct {
	cost, p99, errors sample
	refused           string
}

func (s *logSums) samples(b *bootstrap, cfg *Config) logSamples {
	size := s.sampleSize()
	unknown := sample{nan, make([]float64, len(b.draws))}
	for i := range unknown.drawn {
		unknown.drawn[i] = nan
	}
	out := logSamples{cost: unknown, p99: unknown, errors: unknown}
	if size < cfg.MinSampleSize {
		out.refused = fmt.Sprintf("the effective sample of %.0f requests is below %.0f", size, cfg.MinSampleSize)
		return out
	}
	out.cost, out.errors = b.sample(s.cost.value), b.sample(s.errors.value)
	if size < tailFactor*cfg.MinSampleSize {
		out.refused = fmt.Sprintf("p99: the effective sample of %.0f requests is below %.0f", size, tailFactor*cfg.MinSampleSize)
		return out
	}
	out.p99 = b.sample(s.p99)
	return out
}

func (s *logSums) row(b *bootstrap, cfg *Config, reference logSamples, same bool) RequestRow {
	own := s.samples(b, cfg)
	against := func(own, other sample) Estimate {
		if same || math.IsNaN(own.value) || math.IsNaN(other.value) {
			return b.estimate(own)
		}
		return b.against(own, other)
	}
	return RequestRow{
		Cost: against(own.cost, reference.cost), P99: against(own.p99, reference.p99), Errors: against(own.errors, reference.errors),
		SampleSize: Number(s.sampleSize()), Clipped: Number(s.clipped / s.requests), MeanWeight: Number(s.full / s.requests),
		Refused: own.refused,
	}
}
