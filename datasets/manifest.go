// Package datasets opens recordings: a directory with metrics, and where they
// were kept the request log and the faults, as described by its manifest. It
// cuts them by time into the parts that learn and the part that judges, and
// pairs every window with what came after it.
package datasets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Format names the layout of a recording that this version reads and writes.
const Format = "fairway-recording/1"

// Manifest is the file manifest.json of a recording.
type Manifest struct {
	Format          string    `json:"format"`
	Schema          string    `json:"schema"` // a built-in's name, or a file beside the manifest
	Services        []string  `json:"services"`
	Start           time.Time `json:"start"`
	End             time.Time `json:"end"`
	ScrapeIntervalS float64   `json:"scrape_interval_s"`
	MadeBy          string    `json:"made_by"`
	Seed            uint64    `json:"seed"`
	// StepS, RangeS and DelayS say when and at what whoever decides there looks,
	// and DeadlineS what a failed request costs, in seconds; 0: it is not said.
	StepS     float64 `json:"step_s,omitempty"`
	RangeS    float64 `json:"range_s,omitempty"`
	DelayS    float64 `json:"delay_s,omitempty"`
	DeadlineS float64 `json:"deadline_s,omitempty"`
	// Part says that all of the recording is for learning, for choosing and
	// calibrating, or for judging. Without it, the recording is cut by time.
	Part  Part  `json:"part,omitempty"`
	Notes Notes `json:"notes"`
}

// Notes is free text, one remark or several.
type Notes []string

// UnmarshalJSON takes a string, a list of strings, or whatever else somebody
// noted, as it stands.
func (n *Notes) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*n = nil
		if one != "" {
			*n = Notes{one}
		}
		return nil
	}
	var many []string
	if json.Unmarshal(text, &many) == nil {
		*n = many
		return nil
	}
	*n = Notes{string(text)}
	return nil
}

// ScrapeInterval is the time between two samples of a series.
func (m *Manifest) ScrapeInterval() time.Duration { return seconds(m.ScrapeIntervalS) }

// timing is how the mesh is looked at, without a horizon; zero where the
// manifest does not say it.
func (m *Manifest) timing() mesh.Timing {
	return mesh.Timing{Step: seconds(m.StepS), Range: seconds(m.RangeS), Delay: seconds(m.DelayS)}
}

// seconds are whole microseconds: those of a decimal fraction are not exact.
func seconds(x float64) time.Duration {
	return time.Duration(x * float64(time.Second)).Round(time.Microsecond)
}

func readManifest(directory string) (Manifest, error) {
	path := filepath.Join(directory, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s:%d: %w", path, errorLine(text, err), err)
	}
	if m.Format != Format {
		return m, fmt.Errorf("%s: format %q; this version reads %q", path, m.Format, Format)
	}
	if m.Start.IsZero() || m.End.IsZero() {
		return m, fmt.Errorf("%s: start or end is missing; want both, such as \"2026-01-31T12:00:00Z\"", path)
	}
	if m.ScrapeIntervalS <= 0 || m.ScrapeIntervalS > 86400 {
		return m, fmt.Errorf("%s: scrape_interval_s is %v; want the seconds between two scrapes", path, m.ScrapeIntervalS)
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"step_s", m.StepS}, {"range_s", m.RangeS}, {"delay_s", m.DelayS}, {"deadline_s", m.DeadlineS}} {
		if x.value < 0 || x.value > 86400 {
			return m, fmt.Errorf("%s: %s is %v; want seconds, 0 to 86400", path, x.name, x.value)
		}
	}
	if !m.End.After(m.Start) {
		return m, fmt.Errorf("%s: end %s is not after start %s", path, m.End.Format(time.RFC3339), m.Start.Format(time.RFC3339))
	}
	return m, nil
}

// covers reports whether the metrics, which have samples from start to end,
// can be those that the manifest describes.
func (m *Manifest) covers(start, end time.Time) error {
	if start.After(m.End) || end.Before(m.Start) {
		return fmt.Errorf("manifest.json speaks of %s to %s, but the metrics are from %s to %s: do they belong together?",
			m.Start.Format(time.RFC3339), m.End.Format(time.RFC3339), start.Format(time.RFC3339), end.Format(time.RFC3339))
	}
	return nil
}

// errorLine is the line that a JSON error is about, or 1.
func errorLine(text []byte, err error) int {
	offset := int64(0)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
}
