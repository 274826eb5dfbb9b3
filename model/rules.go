package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"
)

// ErrNoRules says that a registry of rules has none.
var ErrNoRules = errors.New("no rules have been published; `fairway rules publish` does so")

// RulesVersion is one version of the rules. What their text means is not known here.
type RulesVersion struct {
	Version Version   `json:"-"`
	Name    string    `json:"name"` // the version that the text gives itself, else its hash
	Hash    string    `json:"hash"` // SHA-256 of the text, in hex
	Author  string    `json:"author"`
	Time    time.Time `json:"time"` // when it was published
	Latest  bool      `json:"-"`
	Text    string    `json:"text"` // empty in a list
	Err     error     `json:"-"`    // in a list: why it cannot be read; then there is no more than Version
}

// RulesRegistry keeps the versions of the rules as a Registry does those of a model.
type RulesRegistry interface {
	// Publish stores a text, which the caller has compiled; name is the version that
	// it gives itself.
	Publish(ctx context.Context, name, text string) (Version, error)
	// Latest reads the version that is to be served; ErrNoRules when there is none.
	Latest(ctx context.Context) (*RulesVersion, error)
	Get(ctx context.Context, v Version) (*RulesVersion, error)
	List(ctx context.Context) ([]RulesVersion, error)
	Promote(ctx context.Context, v Version) error
	RollBack(ctx context.Context, from, to Version, why string) error
	Record(ctx context.Context, e Event) error
	Events(ctx context.Context, n int) ([]Event, error)
}

// RulesDirectory is a RulesRegistry in a directory, made like that of models. Set the
// fields before the first use.
type RulesDirectory struct{ shelf }

var (
	_ RulesRegistry = (*RulesDirectory)(nil)
	_ Watcher       = (*RulesDirectory)(nil)
)

const rulesSuffix = ".rules"

// OpenRulesDirectory opens the registry at path, which it creates when missing.
func OpenRulesDirectory(path string) (*RulesDirectory, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	d := &RulesDirectory{newShelf(path, SubjectRules, rulesSuffix, ErrNoRules)}
	d.readable = func(ctx context.Context, v Version) error { _, err := d.Get(ctx, v); return err }
	return d, nil
}

// IsRulesDirectory reports whether there is a registry of rules at path, and no other
// directory.
func IsRulesDirectory(path string) bool {
	found, err := filepath.Glob(filepath.Join(path, "[0-9]*"+rulesSuffix))
	return err == nil && len(found) > 0
}

// mostName bounds what is kept of the name of a version, in bytes.
const mostName = 200

// Publish implements RulesRegistry.
func (d *RulesDirectory) Publish(ctx context.Context, name, text string) (Version, error) {
	if !utf8.ValidString(text) {
		return 0, fmt.Errorf("registry %s: the rules are not UTF-8", d.path)
	}
	name = name[:min(len(name), mostName)]
	sum := sha256.Sum256([]byte(text))
	v := RulesVersion{Name: name, Hash: hex.EncodeToString(sum[:]), Author: d.By, Time: d.Clock().UTC(), Text: text}
	return d.publish(ctx, name, func(f io.Writer, _ Version) error { return json.NewEncoder(f).Encode(v) })
}

// Latest implements RulesRegistry.
func (d *RulesDirectory) Latest(ctx context.Context) (*RulesVersion, error) {
	version, err := d.latest()
	if err != nil {
		return nil, err
	}
	v, err := d.Get(ctx, version)
	if err == nil {
		v.Latest = true
	}
	return v, err
}

// Get implements RulesRegistry.
func (d *RulesDirectory) Get(ctx context.Context, version Version) (*RulesVersion, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(d.file(version))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("registry %s: there is no version %d of the rules; list names those that exist", d.path, version)
	} else if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	v := &RulesVersion{}
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("registry: %s: %w; promote another version", d.file(version), err)
	}
	if sum := sha256.Sum256([]byte(v.Text)); hex.EncodeToString(sum[:]) != v.Hash {
		return nil, fmt.Errorf("registry: version %d of the rules is damaged: its hash is not that of its text; promote another", version)
	}
	v.Version = version
	return v, nil
}

// List implements RulesRegistry.
func (d *RulesDirectory) List(ctx context.Context) ([]RulesVersion, error) {
	versions, err := d.versions()
	if err != nil {
		return nil, err
	}
	latest, _ := d.latest() // 0 when there is none or it is damaged, which Latest tells
	var all []RulesVersion
	for _, n := range versions {
		v, err := d.Get(ctx, n)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		} else if err != nil {
			v = &RulesVersion{Version: n, Err: err}
		}
		v.Text, v.Latest = "", n == latest
		all = append(all, *v)
	}
	return all, nil
}

// Entries describes versions of rules as those of a model, for Before.
func Entries(versions []RulesVersion) []Entry {
	var entries []Entry
	for _, v := range versions {
		entries = append(entries, Entry{Version: v.Version, Name: v.Name, Created: v.Time, Latest: v.Latest, Err: v.Err})
	}
	return entries
}
