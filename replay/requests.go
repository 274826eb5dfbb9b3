package replay

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/replay/ope"
)

// RequestSection values the rows on the request log of one service, or of all
// when Service is empty.
type RequestSection struct {
	Service   string `json:"service,omitempty"`
	Requests  int    `json:"requests"` // with a propensity, while a judged decision was in force
	Unknown   int    `json:"without_propensity"`
	Strangers int    `json:"to_unknown_endpoints"`
	Blocks    int    `json:"blocks"`
	// Clip is the bound of the weights of IPS and SNIPS.
	Clip float64      `json:"clip"`
	Rows []RequestRow `json:"rows"`
}

// RequestRow is what the log says of one row. Cost, P99 and Errors are by SNIPS,
// the weighted mean; that of AsRecorded is the plain one.
type RequestRow struct {
	Policy string   `json:"policy"`
	Cost   Estimate `json:"cost_seconds"`
	P99    Estimate `json:"p99_seconds"` // of all requests together
	Errors Estimate `json:"error_ratio"`
	// Estimators are all of them; the reference of each Change is the same
	// estimator's value of the reference row.
	Estimators map[ope.Estimator]RequestEstimates `json:"estimators"`
	// How far that can be believed, of the whole weights: see ope.Diagnostics.
	SampleSize      Number `json:"effective_sample_size"`
	Clipped         Number `json:"clipped"`     // part of the requests whose weight was cut
	MeanWeight      Number `json:"mean_weight"` // near 1 when propensities and overlap are right
	MeanWeightError Number `json:"mean_weight_error"`
	MaxWeight       Number `json:"max_weight"`
	Unsupported     Number `json:"unsupported"`        // part of the policy's weight on endpoints that the log never drew
	Unpredicted     int    `json:"without_prediction"` // requests before any metric: not in the estimators with a model
	Refused         string `json:"refused,omitempty"`  // says why the row has no value, or no p99
}

// RequestEstimates are the values of one estimator.
type RequestEstimates struct {
	Cost   Estimate        `json:"cost_seconds"`
	Errors Estimate        `json:"error_ratio"`
	Lambda *RequestLambdas `json:"lambda,omitempty"` // of Switch-DR and DRos, unless refused
}

// RequestLambdas are what was chosen for each value; infinite, which JSON
// writes as null, is DR.
type RequestLambdas struct {
	Cost   Number `json:"cost_seconds"`
	Errors Number `json:"error_ratio"`
}

// tailFactor is how much larger a sample the p99 needs than a mean.
const tailFactor = 10

// section sums up the log of one service, or of all.
func (l *log) section(service string, t *Trace) RequestSection {
	s := RequestSection{Service: service, Clip: t.cfg.Clip}
	names, sums := t.Rows[:len(t.Rows)-1], t.newLogSums()
	for _, name := range slices.Sorted(maps.Keys(l.services)) {
		if service != "" && service != name {
			continue
		}
		own := l.services[name]
		s.Requests += own.used
		s.Unknown += own.unknown
		s.Strangers += own.strangers
		for i := range sums {
			sums[i].merge(&own.rows[i])
		}
	}
	recorded := &sums[len(sums)-1] // counts every request
	draws := ope.NewBootstrap(recorded.cost.Filled(), t.cfg.Resamples, t.cfg.Level, t.cfg.Seed)
	s.Blocks = len(draws.Blocks)
	at := min(t.reference(), len(sums)-1) // HindsightBest has no value here
	reference := sums[at].samples(draws, &t.cfg)
	for i, name := range names {
		own := reference
		if i != at {
			own = sums[i].samples(draws, &t.cfg)
		}
		row := sums[i].row(draws, own, reference, i == at)
		row.Policy = name
		s.Rows = append(s.Rows, row)
	}
	return s
}

// logSamples are the statistics of a row; unknown where refused.
type logSamples struct {
	cost, errors map[ope.Estimator]ope.Sample
	p99          ope.Sample
	refused      string
}

func (s *logSums) samples(b *ope.Bootstrap, cfg *Config) logSamples {
	out := logSamples{cost: map[ope.Estimator]ope.Sample{}, errors: map[ope.Estimator]ope.Sample{}, p99: b.Unknown()}
	for _, e := range ope.Estimators {
		out.cost[e], out.errors[e] = s.cost.Sample(b, e), s.errors.Sample(b, e)
	}
	d := s.cost.Diagnostics()
	switch least := tailFactor * cfg.MinSampleSize; {
	case d.Refused != "":
		out.refused = d.Refused
	case float64(d.SampleSize) < least:
		out.refused = fmt.Sprintf("p99: the effective sample of %.0f is below %.0f", d.SampleSize, least)
	default:
		out.p99 = b.Sample(s.p99)
	}
	return out
}

func (s *logSums) row(b *ope.Bootstrap, own, reference logSamples, same bool) RequestRow {
	against := func(own, other ope.Sample) Estimate {
		if same || math.IsNaN(own.Value) || math.IsNaN(other.Value) {
			return b.Estimate(own)
		}
		return b.Against(own, other)
	}
	d := s.cost.Diagnostics()
	row := RequestRow{
		P99: against(own.p99, reference.p99), Estimators: map[ope.Estimator]RequestEstimates{},
		SampleSize: d.SampleSize, Clipped: d.Clipped, MeanWeight: d.MeanWeight, MeanWeightError: d.MeanWeightError,
		MaxWeight: d.MaxWeight, Unsupported: d.Unsupported, Unpredicted: d.Unpredicted, Refused: own.refused,
	}
	for _, e := range ope.Estimators {
		values := RequestEstimates{Cost: against(own.cost[e], reference.cost[e]), Errors: against(own.errors[e], reference.errors[e])}
		if (e == ope.SwitchDR || e == ope.DRos) && !math.IsNaN(own.cost[e].Value) {
			values.Lambda = &RequestLambdas{Cost: Number(s.cost.Lambda(e)), Errors: Number(s.errors.Lambda(e))}
		}
		row.Estimators[e] = values
	}
	row.Cost, row.Errors = row.Estimators[ope.SNIPS].Cost, row.Estimators[ope.SNIPS].Errors
	return row
}
