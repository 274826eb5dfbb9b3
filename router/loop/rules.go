package loop

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/rules/load"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// compile makes the rules of their text; name is for errors.
func (c *Change) compile(name string) (err error) {
	c.Rules, c.Findings, err = load.Compile(name, c.Text)
	return err
}

// found tells of what is to be known of other rules than the last, once.
func (l *Loop) found(c *Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Subject != model.SubjectRules || l.noted == c.ID {
		return
	}
	l.noted = c.ID
	for _, f := range c.Findings {
		l.metrics.findings.WithLabelValues(f.Level).Inc()
		where := fmt.Sprintf("%s:%d", f.File, f.Line)
		if f.Level == manifest.Note {
			l.cfg.Log.Debug("noted of the rules", "version", c.Name, "where", where, "finding", f.Text)
			continue
		}
		l.cfg.Log.Warn("found in the rules", "version", c.Name, "where", where, "finding", f.Text)
	}
}

// registeredRules is an Origin: the latest rules of a registry.
type registeredRules struct {
	rules model.RulesRegistry
	path  string // what errors call the rules; empty: by their version
	known Change // the last that could be compiled
	Ledger
}

// RegistryRules is the Origin of the latest rules of a registry. by says who records
// the events.
func RegistryRules(r model.RulesRegistry, by string) Origin {
	return &registeredRules{rules: r, Ledger: Ledger{r, by}}
}

func (r *registeredRules) Subject() string { return model.SubjectRules }

// Look implements Origin. A registry without rules is not wrong.
func (r *registeredRules) Look(ctx context.Context) (Change, error) {
	v, err := r.rules.Latest(ctx)
	if errors.Is(err, model.ErrNoRules) {
		return Change{}, nil
	} else if err != nil {
		return Change{}, err
	}
	name := fmt.Sprint(v.Version)
	c := Change{Version: Version{Subject: model.SubjectRules, Name: name, ID: v.Hash[:min(12, len(v.Hash))] + "@" + name}, Text: []byte(v.Text)}
	if c.ID == r.known.ID {
		c = r.known
	} else if err := c.compile(cmp.Or(r.path, "version "+name)); err != nil {
		return c, err
	}
	r.known = c
	c.Back = r.Back(ctx, c.Version)
	return c, nil
}

// history is an Origin: the latest of the versions that another has ever had.
type history struct {
	from Origin
	registeredRules
	published string // ID of what from had last
	trouble   func(error)
}

// History is the Origin of the rules at a path, every version of which is published in
// a registry; the latest there is served. So it is told of each when it came, and one
// can be rolled back: then the one before serves until the files change again. Trouble
// is told why a version is not published; it serves none the less.
func History(path string, r model.RulesRegistry, by string, trouble func(error)) Origin {
	return &history{from: RulesFile(path), trouble: trouble,
		registeredRules: registeredRules{rules: r, path: path, Ledger: Ledger{r, by}}}
}

// Look implements Origin.
func (h *history) Look(ctx context.Context) (Change, error) {
	c, err := h.from.Look(ctx)
	if err != nil {
		return c, err
	}
	if c.ID != h.published {
		if err := h.publish(ctx, &c); err != nil {
			h.trouble(err)
			return c, nil
		}
		h.published = c.ID
	}
	return h.registeredRules.Look(ctx)
}

// publish adds what is there, unless it is what came last.
func (h *history) publish(ctx context.Context, c *Change) error {
	all, err := h.rules.List(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(c.Text)
	if n := len(all); n > 0 && all[n-1].Hash == hex.EncodeToString(sum[:]) {
		return nil
	}
	_, err = h.rules.Publish(ctx, c.Name, string(c.Text))
	return err
}

// Told implements Origin. Of what could not be published there is nothing to tell.
func (h *history) Told(ctx context.Context, o Outcome) error {
	if !numbered(o.Version) {
		return nil
	}
	if !numbered(o.Former) {
		o.Former.Name = ""
	}
	return h.Ledger.Told(ctx, o)
}

// numbered reports whether a version is one of a registry.
func numbered(v Version) bool { return strings.Contains(v.ID, "@") }
