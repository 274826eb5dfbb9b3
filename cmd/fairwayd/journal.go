package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/journal"
)

// journalOptions are the flags of the journal.
type journalOptions struct {
	journalDir  string
	journalSize int64
	journalPart float64
}

// noJournal is the value of --journal for none at all.
const noJournal = "none"

func (o *journalOptions) flags(fs *flag.FlagSet) {
	cfg := journal.DefaultConfig()
	fs.StringVar(&o.journalDir, "journal", "", "`directory` of the journal of what was decided and what became of it, or none; default: journal in the state directory, none with --recording")
	fs.Int64Var(&o.journalSize, "journal-size", cfg.MaxBytes>>20, "most `MiB` that the journal takes on disk; the oldest goes")
	o.journalPart = cfg.Sample
	fs.Var((*part)(&o.journalPart), "journal-part", "`part` of the requests, such as 1%, whose picks and outcomes are kept in the journal")
}

func (o *journalOptions) check() error {
	cfg := o.journalConfig()
	cfg.Stream = 1
	if err := cfg.Validate(); err != nil || o.journalSize > 1<<40 {
		return usage(fmt.Sprintf("--journal-size is %d; want 17 or more MiB, at most a million million", o.journalSize))
	}
	return nil
}

func (o *journalOptions) journalConfig() journal.Config {
	cfg := journal.DefaultConfig()
	cfg.MaxBytes, cfg.Sample = o.journalSize<<20, o.journalPart
	return cfg
}

// openJournal begins a journal where there is a place for it. One that nobody asked
// for is done without when it cannot be had, such as where another daemon has it.
func (d *daemon) openJournal() error {
	dir := d.journalDir
	if root := stateDirectory(d.tlsOptions.state); dir == "" && root != "" && d.recording == "" {
		dir = filepath.Join(root, "journal")
	}
	if dir != "" && dir != noJournal && !d.checkConfig {
		cfg := d.journalConfig()
		cfg.Stream = 1 + rand.Int64N(1<<63-1)
		cfg.Trouble = func(err error) {
			if err != nil {
				d.log.Error("the journal cannot be written; decisions go on", "error", err)
			} else {
				d.log.Info("the journal is written again")
			}
		}
		var err error
		if d.journal, err = journal.Open(dir, cfg); err != nil && d.journalDir != "" {
			return fmt.Errorf("--journal: %w", err)
		} else if err != nil {
			d.log.Warn("no journal is kept; --journal DIR gives it a place of its own", "error", err)
		}
	}
	d.reg.MustRegister(journal.Metrics(d.journal))
	return nil
}

// closeJournal writes what waits. Call it when nothing runs any more.
func (d *daemon) closeJournal() {
	if err := d.journal.Close(); err != nil {
		d.log.Error("closing the journal", "error", err)
	}
}

// decided keeps what was published of the lines, in the journal and in the cache.
func (d *daemon) decided(former, tried []router.Made) {
	d.published()
	line := ""
	if len(tried) > 0 {
		line = "former"
	}
	for _, m := range former {
		d.journal.Append(d.entry(m.Decision, line))
	}
	for _, m := range tried {
		d.journal.Append(d.entry(m.Decision, "tried"))
	}
}

func (d *daemon) entry(decision *router.Decision, line string) *journal.Entry {
	table := d.loop.Table()
	e := &journal.Entry{
		Kind: journal.Decision, Time: decision.Time, Service: decision.Service, Line: line, Model: decision.Model, Table: table.Version(),
		Source: decision.Source.String(), Policy: decision.Policy, Reason: string(decision.Reason), Age: decision.Age,
		Weights: decision.Weights, Ejected: decision.Ejected, Notes: decision.Notes,
	}
	if set := table.Rules(); set != nil && line != "tried" {
		e.Rules = set.Version()
	}
	for i := range decision.Endpoints {
		e.Endpoints = append(e.Endpoints, decision.Endpoints[i].Name)
	}
	return e
}
