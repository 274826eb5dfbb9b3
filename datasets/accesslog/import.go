package accesslog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/fairway-mesh/fairway/datasets"
)

// ImportConfig says what becomes a recording.
type ImportConfig struct {
	Config
	Out    string        // directory of the recording; must not exist yet
	Scrape time.Duration // between two samples of the metrics
	MadeBy string        // for the manifest
}

// DefaultImportConfig lacks the directory.
func DefaultImportConfig() ImportConfig {
	return ImportConfig{Config: DefaultConfig(), Scrape: 5 * time.Second, MadeBy: "fairway import --requests"}
}

// Validate reports a setting that makes no sense.
func (c *ImportConfig) Validate() error {
	switch {
	case c.Out == "":
		return errors.New("no directory is given")
	case c.Scrape < 100*time.Millisecond || c.Scrape > time.Hour || c.Scrape%time.Millisecond != 0:
		return fmt.Errorf("the time between samples is %v; want 100ms to 1h, in whole milliseconds", c.Scrape)
	}
	return c.Config.Validate()
}

// Import makes a recording of the logs: the requests, and metrics that are
// computed from nothing else, in the built-in schema accesslog. The directory
// appears when all of it is written. The tally is valid, if not complete, where
// there is an error, too.
func Import(ctx context.Context, cfg ImportConfig, paths ...string) (tally *Tally, err error) {
	tally = &Tally{}
	if err := cfg.Validate(); err != nil {
		return tally, err
	}
	if _, err := os.Lstat(cfg.Out); !errors.Is(err, fs.ErrNotExist) {
		return tally, errors.Join(fmt.Errorf("%s exists; remove it, or import to another directory", cfg.Out), err)
	}
	partial, err := os.MkdirTemp(filepath.Dir(filepath.Clean(cfg.Out)), "."+filepath.Base(cfg.Out)+".*")
	if err != nil {
		return tally, fmt.Errorf("cannot write %s: %w", cfg.Out, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	m, err := write(ctx, &cfg, tally, partial, paths)
	if err != nil {
		return tally, err
	}
	if err := writeManifest(filepath.Join(partial, "manifest.json"), m); err != nil {
		return tally, err
	}
	return tally, errors.Join(os.Chmod(partial, 0o755), os.Rename(partial, cfg.Out))
}

// write reads the logs once, and writes requests and metrics.
func write(ctx context.Context, cfg *ImportConfig, tally *Tally, dir string, paths []string) (*datasets.Manifest, error) {
	var files []*packedFile
	for _, name := range []string{"requests.csv.gz", "requests.part", "durations.part", "in_flight.part"} {
		f, err := createPacked(filepath.Join(dir, name))
		if err != nil {
			return nil, errors.Join(err, closeAll(files))
		}
		files = append(files, f)
	}
	s := newSampler(cfg.Scrape, files[1].Writer, files[2].Writer, files[3].Writer)
	log := datasets.NewRequestWriter(files[0].Writer)
	services := map[string]bool{}
	var failed error
	for r, err := range Read(ctx, cfg.Config, tally, paths...) {
		if failed = err; failed == nil {
			services[r.Service] = true
			if failed = log.Write(&r); failed == nil {
				failed = s.add(&r)
			}
		}
		if failed != nil {
			break
		}
	}
	if failed == nil {
		s.end()
		files[3].WriteString("# EOF\n")
	}
	if err := errors.Join(failed, closeAll(files)); err != nil {
		return nil, err
	}
	if err := joinParts(filepath.Join(dir, "metrics.om.gz"), files[1].path, files[2].path, files[3].path); err != nil {
		return nil, err
	}
	m := &datasets.Manifest{Format: datasets.Format, Schema: "accesslog", Services: slices.Sorted(maps.Keys(services)),
		ScrapeIntervalS: cfg.Scrape.Seconds(), MadeBy: cfg.MadeBy, Notes: notes(cfg, tally)}
	m.Start, m.End = s.span()
	return m, nil
}

// notes say where the numbers come from.
func notes(cfg *ImportConfig, t *Tally) datasets.Notes {
	sum := t.Sum()
	var of []string
	for _, f := range t.Files {
		of = append(of, fmt.Sprintf("%s (%s)", filepath.Base(f.Path), f.Format))
	}
	n := datasets.Notes{
		"the metrics were computed from the access log alone, as if they had been scraped: nothing says whether an endpoint was up, or how busy",
		"read of " + strings.Join(of, ", "),
		fmt.Sprintf("%d lines: %d requests of endpoints, %d failed; %d lines of requests that went nowhere, %d bad lines, %d requests logged too late to be put in order",
			sum.Lines, sum.Requests, sum.Failed, sum.Nowhere, sum.Bad, sum.Late),
		"requests that had not ended when the log did are not in it",
	}
	if sum.Unnamed > 0 {
		n = append(n, fmt.Sprintf("%d attempts failed before at endpoints that the log does not name; they are held against none", sum.Unnamed))
	}
	if slices.ContainsFunc(t.Files, func(f *FileTally) bool { return strings.HasPrefix(f.Format, "haproxy") }) {
		n = append(n, "times that tell no zone were taken to be in "+cfg.Location.String())
	}
	return n
}

func writeManifest(path string, m *datasets.Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

// packedFile is a file that is written as gzip.
type packedFile struct {
	*bufio.Writer
	path string
	gzip *gzip.Writer
	file *os.File
}

func createPacked(path string) (*packedFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	z := gzip.NewWriter(file)
	return &packedFile{bufio.NewWriterSize(z, 1<<16), path, z, file}, nil
}

func closeAll(files []*packedFile) error {
	var err error
	for _, f := range files {
		err = errors.Join(err, f.Flush(), f.gzip.Close(), f.file.Sync(), f.file.Close())
	}
	return err
}

// joinParts makes one file of several: gzip lets one stream follow another.
func joinParts(path string, parts ...string) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Sync(), out.Close()) }()
	for _, part := range parts {
		file, err := os.Open(part)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, file)
		if err := errors.Join(err, file.Close(), os.Remove(part)); err != nil {
			return err
		}
	}
	return nil
}
