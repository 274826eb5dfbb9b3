package postgres

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/router/journal"
)

// table is where the entries of one kind go.
type table struct {
	name    string
	kind    journal.Kind
	columns []string
	values  func(*journal.Record) []any
}

var place = []string{"stream", "seq", "time", "service", "line", "model", "rules", "table_version"}

var ofRequest = []string{"class", "method", "path", "route", "endpoint", "propensity"}

var tables = []table{
	{"decision", journal.Decision, columns(place, []string{"source", "policy", "reason", "age_seconds", "endpoints", "weights", "ejected", "notes"}), decisionValues},
	{"pick", journal.Pick, columns(place, ofRequest), requestValues},
	{"outcome", journal.Outcome, columns(place, ofRequest, []string{"latency_seconds", "deadline_seconds", "status", "in_flight", "reported_by"}), outcomeValues},
}

func columns(lists ...[]string) (all []string) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// copy stores the entries of the table's kind.
func (t *table) copy(ctx context.Context, tx pgx.Tx, batch []journal.Record) error {
	own := make([]*journal.Record, 0, len(batch))
	for i := range batch {
		if batch[i].Kind == t.kind {
			own = append(own, &batch[i])
		}
	}
	if len(own) == 0 {
		return nil
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"fairway", t.name}, t.columns,
		pgx.CopyFromSlice(len(own), func(i int) ([]any, error) { return t.values(own[i]), nil }))
	return err
}

// mostService is how much of a service's name is kept, in bytes, of which cleaning
// makes up to three each: an index takes 2,704.
const mostService = 800

func placeValues(r *journal.Record) []any {
	return []any{r.Stream, whole(r.Seq), within(r.Time), clean(r.Service[:min(len(r.Service), mostService)]), clean(r.Line), clean(r.Model), clean(r.Rules), whole(r.Table)}
}

func decisionValues(r *journal.Record) []any {
	return append(placeValues(r), clean(r.Source), clean(r.Policy), clean(r.Reason), r.Age.Seconds(),
		cleanAll(r.Endpoints), append([]float64{}, r.Weights...), append([]bool{}, r.Ejected...), cleanAll(r.Notes))
}

func requestValues(r *journal.Record) []any {
	return append(placeValues(r), clean(r.Class), clean(r.Method), clean(r.Path), clean(r.Route), clean(r.Endpoint), known(r.Propensity, r.Propensity != 0))
}

func outcomeValues(r *journal.Record) []any {
	return append(requestValues(r), r.Latency.Seconds(), known(r.Deadline.Seconds(), r.Deadline != 0),
		small(r.Status), known(small(r.InFlight), r.InFlight >= 0), clean(r.By))
}

// known is x or NULL.
func known[T any](x T, known bool) *T {
	if !known {
		return nil
	}
	return &x
}

// small is x as an integer.
func small(x int) int32 { return int32(max(math.MinInt32, min(x, math.MaxInt32))) }

var earliest, latest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// within keeps the time of a stranger where PostgreSQL can say it.
func within(t time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

func cleanAll(texts []string) []string {
	all := make([]string, len(texts))
	for i := range texts {
		all[i] = clean(texts[i])
	}
	return all
}

// clean makes text that PostgreSQL stores: names come from metrics, and one
// bad byte would lose a whole batch.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}
