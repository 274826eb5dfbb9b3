package datasets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// Recording is a history that was opened for reading. It may be read by
// several goroutines at once.
type Recording struct {
	Path     string
	Manifest Manifest // of a bare dump: what the dump itself tells
	Dump     prom.History
	Schema   *mesh.Schema
	Faults   []Fault // in order of their start; nil when none are known
	// Recognition is what the built-in schemas made of it, where nothing said
	// which schema to take; else nil.
	Recognition *prom.Recognition
	// Identify, where it is set, gives the endpoints of every window the names
	// by which the caller knows them, such as those of the rules. Set it before
	// the first walk.
	Identify func(*mesh.Window)

	// Log, where it is set, is the request log in place of the one that lies beside
	// the metrics. It is read more than once.
	Log iter.Seq2[Request, error]

	// Cache keeps the windows of walks; nil keeps none. Set it before the first.
	Cache *Cache

	requests string // path of the request log, or empty
	metrics  string // path of the metrics
	files    []file // that hold them, as they were before they were opened
	hashing  sync.Mutex
	content  string // digest of the files, once it was asked for
}

// metricsFiles are the places where a recording keeps its metrics, in the
// order in which they are looked for.
var metricsFiles = []string{"metrics.om.gz", "metrics.om", "blocks"}

// Open opens a recording: a directory with a manifest, a bare dump that
// package prom can read, or a source file, whose server is asked for every
// query. An empty schema means the manifest's or the source file's, or else
// whichever built-in one fits.
func Open(ctx context.Context, path, schema string) (*Recording, error) {
	return open(ctx, path, func(r *Recording) (*mesh.Schema, error) {
		if schema == "" && r.Manifest.Schema != "" {
			schema = r.schemaName()
		}
		if schema == "" {
			start, end := r.Dump.Span()
			s, recognition, err := prom.Detect(ctx, r.Dump, start, end)
			r.Recognition = recognition
			return s, err
		}
		return prom.LoadSchema(schema)
	})
}

// OpenWith opens a recording to be seen through a schema that the caller has,
// such as a model's.
func OpenWith(ctx context.Context, path string, schema *mesh.Schema) (*Recording, error) {
	return open(ctx, path, func(*Recording) (*mesh.Schema, error) { return schema, nil })
}

func open(ctx context.Context, path string, schema func(*Recording) (*mesh.Schema, error)) (*Recording, error) {
	r := &Recording{Path: path}
	if strings.Contains(path, "://") { // not shown: it may hold a password
		return nil, errors.New("a URL does not say which part of its history is meant: write it into a source file, as prometheus: URL and since: 14d, and give that")
	}
	var err error
	dump := path
	if _, stat := os.Stat(filepath.Join(path, "manifest.json")); stat == nil {
		if r.Manifest, err = readManifest(path); err != nil {
			return nil, err
		}
		if dump, err = r.openBeside(path); err != nil {
			return nil, err
		}
	} else if _, stat := os.Stat(path); stat != nil {
		return nil, stat
	}
	r.metrics, r.files = dump, filesOf(dump)
	if r.Dump, err = r.openHistory(ctx, dump); err != nil {
		return nil, err
	}
	if r.Schema, err = schema(r); err == nil && r.Manifest.Format != "" {
		err = r.Manifest.covers(r.Dump.Span())
	}
	if archive, ok := r.Dump.(*prom.Archive); ok && err == nil {
		err = archive.Measure(ctx, r.Schema)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), r.Dump.Close())
	}
	if r.Manifest.Format == "" {
		r.describeBare()
	}
	return r, nil
}

// openHistory opens the metrics, which may still be at a server.
func (r *Recording) openHistory(ctx context.Context, path string) (prom.History, error) {
	if !prom.IsConnection(path) {
		return prom.Open(ctx, path)
	}
	c, err := prom.LoadConnection(path)
	if err != nil {
		return nil, err
	}
	r.Manifest.Schema = c.Schema
	return prom.OpenArchive(ctx, c, prom.DefaultLimits())
}

// Close frees what the recording holds.
func (r *Recording) Close() error { return r.Dump.Close() }

// openBeside reads what lies beside the metrics and finds the metrics.
func (r *Recording) openBeside(directory string) (dump string, err error) {
	if r.Faults, err = readFaults(filepath.Join(directory, "faults.csv")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, name := range []string{"requests.csv.gz", "requests.csv"} {
		if _, err := os.Stat(filepath.Join(directory, name)); err == nil {
			r.requests = filepath.Join(directory, name)
			break
		}
	}
	for _, name := range metricsFiles {
		if _, err := os.Stat(filepath.Join(directory, name)); err == nil {
			return filepath.Join(directory, name), nil
		}
	}
	return "", fmt.Errorf("%s: the recording has none of %q: it holds no metrics", directory, metricsFiles)
}

// schemaName is the manifest's schema: a file beside the manifest comes
// before a built-in of the same name.
func (r *Recording) schemaName() string {
	beside := filepath.Join(r.Path, r.Manifest.Schema)
	if stat, err := os.Stat(beside); err == nil && stat.Mode().IsRegular() {
		return beside
	}
	return r.Manifest.Schema
}

// describeBare fills the manifest of a dump that has none.
func (r *Recording) describeBare() {
	start, end := r.Dump.Span()
	r.Manifest = Manifest{
		Schema: r.Schema.Name, Start: start, End: end,
		ScrapeIntervalS: steady(r.Dump.ScrapeInterval()).Seconds(),
	}
}

// steady is a measured scrape interval without the jitter of scrapes: the whole
// seconds that it is within a hundredth of. Else a schema's 15 s would become
// 15.001 s, and with it the step of every model.
func steady(interval time.Duration) time.Duration {
	if whole := interval.Round(time.Second); (interval - whole).Abs() <= interval/100 {
		return whole
	}
	return interval
}

// DefaultHorizon is how far ahead is predicted when nobody says otherwise.
const DefaultHorizon = time.Minute

// Timing is TimingFor the recording's schema and scrapes.
func (r *Recording) Timing(step, horizon time.Duration) mesh.Timing {
	return TimingFor(r.Schema, r.Manifest.ScrapeInterval(), step, horizon)
}

// TimingFor fills in what was not asked for (0): the schema's step and range,
// never below the scrape interval, and a horizon of a minute or three steps,
// whichever is longer. The delay is one scrape: that late a sample can be.
// The range is as RangeFor has it.
func TimingFor(s *mesh.Schema, scrape, step, horizon time.Duration) mesh.Timing {
	t := mesh.Timing{Step: step, Range: s.Range, Delay: scrape, Horizon: horizon}
	if t.Step == 0 {
		t.Step = s.Step
	}
	t.Step = max(t.Step, t.Delay)
	if t.Range == 0 {
		t.Range = max(t.Step, 4*t.Delay)
	}
	t.Range = RangeFor(s, t.Range, t.Delay)
	if t.Horizon == 0 {
		t.Horizon = max(DefaultHorizon, 3*t.Step)
	}
	return t
}

// RangeFor returns the range, unless it cannot hold the two scrapes of which a
// rate is made: then four scrapes. Prometheus scrapes every minute unless told
// otherwise.
func RangeFor(s *mesh.Schema, span, scrape time.Duration) time.Duration {
	if span < 2*scrape-scrape/10 && prom.OfRates(s) {
		return 4 * scrape
	}
	return span
}

// Windows walks the whole recording: one window per service and step.
func (r *Recording) Windows(ctx context.Context, t mesh.Timing) iter.Seq2[mesh.Window, error] {
	return r.walk(ctx, r.query(t))
}

// walk asks the metrics, or the cache; its errors name the recording.
func (r *Recording) walk(ctx context.Context, q prom.Query) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {
		if err := r.holds(q); err != nil {
			yield(mesh.Window{}, fmt.Errorf("%s: %w", r.Path, err))
			return
		}
		walk, err := prom.NewWalk(r.Dump, r.Schema, q)
		if err != nil {
			yield(mesh.Window{}, fmt.Errorf("%s: %w", r.Path, err))
			return
		}
		kept := r.asked(ctx, q)
		for slice, err := range ahead(ctx, func(ctx context.Context) (prom.Slice, error) { return kept.next(ctx, walk) }) {
			for _, w := range slice.Windows {
				if r.Identify != nil {
					r.Identify(&w)
				}
				if !yield(w, nil) {
					return
				}
			}
			if err != nil {
				yield(mesh.Window{}, fmt.Errorf("%s: %w", r.Path, err))
				return
			}
		}
	}
}

// Instant reports whether there is one scrape and no history.
func (r *Recording) Instant() bool {
	dump, ok := r.Dump.(*prom.Dump)
	return ok && dump.Instant()
}

// Notes are the manifest's, and what the metrics have that is not read.
func (r *Recording) Notes() []string {
	dump, ok := r.Dump.(*prom.Dump)
	if !ok {
		return r.Manifest.Notes
	}
	return slices.Concat(r.Manifest.Notes, dump.Notes)
}

// holds reports why nothing could come of q.
func (r *Recording) holds(q prom.Query) error {
	if r.Instant() {
		return prom.ErrInstant
	}
	start, end := r.Dump.Span()
	// A tenth is left to the jitter of scrapes.
	if scrape := r.Manifest.ScrapeInterval(); q.Range < scrape-scrape/10 {
		return fmt.Errorf("a range or horizon of %v is shorter than the %v between two scrapes: nothing would be seen in it; make it longer", q.Range, scrape)
	}
	if q.End.Before(q.Start) {
		return fmt.Errorf("the history of %v is too short: the first window, or what follows it, would end at %s, the history ends at %s; record longer, or take a shorter window or horizon",
			end.Sub(start), q.Start.Add(-q.Delay).Format(time.RFC3339), end.Format(time.RFC3339))
	}
	if n := q.End.Sub(q.Start) / max(q.Step, 1); n > mostWindows {
		return fmt.Errorf("the samples are from %s to %s, %d windows: is the timestamp of one wrong? Else take a longer window", start.Format(time.RFC3339), end.Format(time.RFC3339), n)
	}
	return nil
}

// mostWindows bounds a walk: six years of windows every ten seconds. One
// sample with a wrong time makes decades of them.
const mostWindows = 20_000_000

// query covers every window whose whole range lies in the recording.
func (r *Recording) query(t mesh.Timing) prom.Query {
	start, end := r.Dump.Span()
	first := prom.Floor(start.Add(t.Range+t.Delay), t.Step).Add(t.Step)
	return prom.Query{Start: first, End: end.Add(t.Delay), Timing: t}
}
