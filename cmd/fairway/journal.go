package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/router/journal"
)

func newJournalCommand() *cobra.Command {
	return group("journal", "read what a daemon decided and what became of it, also while it writes", newJournalShowCommand(), newJournalExportCommand())
}

func newJournalShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show DIR",
		Short: "print the entries as lines of JSON, oldest first",
		Args:  oneJournal,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
			lines := json.NewEncoder(out)
			lines.SetEscapeHTML(false)
			for r := range entries(args[0], cmd.ErrOrStderr()) {
				if r.err != nil {
					return errors.Join(r.err, out.Flush())
				}
				if err := lines.Encode(newLine(&r.Record)); err != nil {
					return err
				}
			}
			return out.Flush()
		},
	}
}

func newJournalExportCommand() *cobra.Command {
	out := ""
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "write the outcomes as the request log of a recording",
		Long: "export writes the outcomes that callers reported in the form of a recording's\nrequests.csv.gz, so that replay can value policies by them. Give --out the recording\n" +
			"of the same time, which must have no request log yet, or a file.",
		Args: oneJournal,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needed(cmd, "out"); err != nil {
				return err
			}
			return exportJournal(args[0], out, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FILE.csv.gz` or recording to write to")
	return cmd
}

func oneJournal(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s wants the directory of one journal", cmd.CommandPath())
	}
	return nil
}

// found is an entry, or why there are no more.
type found struct {
	journal.Record
	err error
}

// entries are those of a journal. It says which segments are damaged and goes on.
func entries(directory string, stderr io.Writer) iter.Seq[found] {
	return func(yield func(found) bool) {
		for r, err := range journal.Read(directory) {
			var damage *journal.DamageError
			if errors.As(err, &damage) {
				fmt.Fprintln(stderr, "fairway:", err)
				continue
			}
			if !yield(found{r, err}) {
				return
			}
		}
	}
}

// exportJournal writes a whole file or none.
func exportJournal(directory, path string, stderr io.Writer) error {
	if stat, err := os.Stat(path); err == nil && stat.IsDir() {
		if _, err := os.Stat(filepath.Join(path, "manifest.json")); err != nil {
			return fmt.Errorf("%s is a directory and no recording: %w; name a file", path, err)
		}
		for _, name := range []string{"requests.csv.gz", "requests.csv"} {
			if _, err := os.Lstat(filepath.Join(path, name)); err == nil {
				return fmt.Errorf("%s has a request log already, %s; export to a file", path, name)
			}
		}
		path = filepath.Join(path, "requests.csv.gz")
	}
	n, drawn := 0, 0
	err := writeFile(path, func(w io.Writer) error {
		if !strings.HasSuffix(path, ".gz") {
			return writeOutcomes(w, directory, stderr, &n, &drawn)
		}
		z := gzip.NewWriter(w)
		return errors.Join(writeOutcomes(z, directory, stderr, &n, &drawn), z.Close())
	})
	if err == nil {
		fmt.Fprintf(stderr, "%s: %d requests, %d of them with the probability of their endpoint\n", path, n, drawn)
	}
	return err
}

// writeOutcomes writes a request log, and counts the requests and those of which
// it is known how they were drawn.
func writeOutcomes(w io.Writer, directory string, stderr io.Writer, n, drawn *int) error {
	out := bufio.NewWriter(w)
	log := datasets.NewRequestWriter(out)
	for r := range entries(directory, stderr) {
		if r.err != nil {
			return r.err
		}
		if r.Kind != journal.Outcome {
			continue
		}
		q := request(&r.Entry)
		if *n++; !math.IsNaN(q.Propensity) {
			*drawn++
		}
		if err := log.Write(&q); err != nil {
			return err
		}
	}
	if *n == 0 {
		return fmt.Errorf("%s holds no outcomes: none were reported, or --journal-part of fairwayd is too small", directory)
	}
	return out.Flush()
}

// request is an outcome as a request log has it.
func request(e *journal.Entry) datasets.Request {
	q := datasets.Request{
		Time: e.Time, Service: e.Service, Class: e.Class, Method: e.Method, Path: e.Path, Endpoint: e.Endpoint,
		Propensity: e.Propensity, Latency: max(e.Latency, 0), Status: e.Status, Deadline: e.Deadline,
	}
	if !(q.Propensity > 0 && q.Propensity <= 1) {
		q.Propensity = math.NaN()
	}
	return q
}

// line is an entry as JSON, with what belongs to its kind. Times are in seconds.
type line struct {
	Stream     int64     `json:"stream"`
	Seq        uint64    `json:"seq"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`
	Service    string    `json:"service"`
	Line       string    `json:"line,omitempty"`
	Model      string    `json:"model,omitempty"`
	Rules      string    `json:"rules,omitempty"`
	Table      uint64    `json:"table,omitempty"`
	*decision  `json:",omitempty"`
	*chosen    `json:",omitempty"`
	*completed `json:",omitempty"`
}

type decision struct {
	Source    string   `json:"source"`
	Policy    string   `json:"policy"`
	Reason    string   `json:"reason"`
	Age       float64  `json:"age_seconds"`
	Endpoints []string `json:"endpoints"`
	Weights   []any    `json:"weights"`
	Ejected   []bool   `json:"ejected"`
	Notes     []string `json:"notes"`
}

type chosen struct {
	Class      string `json:"class"`
	Method     string `json:"method"`
	Path       string `json:"path"`
	Route      string `json:"route"`
	Endpoint   string `json:"endpoint"`
	Propensity any    `json:"propensity"`
}

type completed struct {
	Latency  float64 `json:"latency_seconds"`
	Deadline float64 `json:"deadline_seconds"`
	Status   int     `json:"status"`
	InFlight *int    `json:"in_flight"`
	By       string  `json:"by"`
}

func newLine(r *journal.Record) *line {
	l := &line{
		Stream: r.Stream, Seq: r.Seq, Kind: r.Kind.String(), Time: r.Time, Service: r.Service,
		Line: r.Line, Model: r.Model, Rules: r.Rules, Table: r.Table,
	}
	if r.Kind == journal.Decision {
		l.decision = &decision{r.Source, r.Policy, r.Reason, r.Age.Seconds(), r.Endpoints, nil, r.Ejected, r.Notes}
		for _, w := range r.Weights {
			l.Weights = append(l.Weights, finite(w))
		}
		return l
	}
	l.chosen = &chosen{r.Class, r.Method, r.Path, r.Route, r.Endpoint, nil}
	if r.Propensity != 0 {
		l.Propensity = finite(r.Propensity)
	}
	if r.Kind == journal.Outcome {
		l.completed = &completed{r.Latency.Seconds(), r.Deadline.Seconds(), r.Status, nil, r.By}
		if r.InFlight >= 0 {
			l.InFlight = &r.InFlight
		}
	}
	return l
}

// finite is a number that JSON can say, else null.
func finite(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return x
}
