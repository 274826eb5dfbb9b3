package datasets

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
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/prom"
)

// question is what the windows of a walk follow from, and nothing else: the
// same question has the same windows.
type question struct {
	Version    int
	Content    string // of the history
	Schema     string // mesh.Schema.Hash
	Start, End int64  // of the windows' times, Unix milliseconds
	Step       time.Duration
	Range      time.Duration
	Delay      time.Duration
	Lookback   time.Duration
	settled    time.Time
}

func (q question) key() string {
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // numbers and strings only: cannot happen
	}
	return digestOf(text)
}

// asked returns the entry of the cache for a walk, or nil when there is no
// cache, or the recording cannot be told from others.
func (r *Recording) asked(ctx context.Context, q prom.Query) *entry {
	if r.Cache == nil {
		return nil
	}
	var content string
	var lookback time.Duration
	var settled time.Time
	var err error
	switch history := any(r.Dump).(type) {
	case *prom.Dump:
		lookback = history.Lookback
		content, err = r.contentOf(ctx)
	case remote:
		content, settled = history.Identity()
		content = "remote " + content
	default:
		return nil
	}
	if err != nil {
		r.Cache.tell("content", err)
		return nil
	}
	return r.Cache.open(question{
		Version: prom.WindowsVersion, Content: content, Schema: r.Schema.Hash(),
		Start: q.Start.UnixMilli(), End: q.End.UnixMilli(), Step: q.Step, Range: q.Range, Delay: q.Delay,
		Lookback: lookback, settled: settled,
	}, r.Schema)
}

// remote is a history that no file holds, such as that of a server over a span.
type remote interface {
	// Identity returns a name that no other history has, whatever its span,
	// and until when nothing changes any more in what it holds.
	Identity() (name string, settled time.Time)
}

// contentOf identifies what the files of the history hold. Every byte counts:
// sizes and times can stay the same while the samples change, and reading them
// takes far less time than the queries do.
func (r *Recording) contentOf(ctx context.Context) (string, error) {
	r.hashing.Lock()
	defer r.hashing.Unlock()
	if r.content == "" {
		content, err := digestFiles(ctx, r.files)
		if err == nil && !slices.Equal(r.files, filesOf(r.metrics)) {
			err = fmt.Errorf("%s has changed since it was opened", r.metrics)
		}
		if err != nil {
			return "", err
		}
		r.content = content
	}
	return r.content, nil
}

// file is a file as it was when the recording was opened. It is compared
// after the bytes were read: what was opened and what was read are the same.
type file struct {
	path     string
	size     int64
	modified int64
}

// filesOf lists the files that hold the metrics at path: one, or those of the
// TSDB blocks in a folder, which lie beside what a server still writes.
func filesOf(path string) []file {
	roots := []string{path}
	if blocks, _ := filepath.Glob(filepath.Join(path, "*", "meta.json")); len(blocks) > 0 {
		roots = roots[:0]
		for _, meta := range blocks {
			roots = append(roots, filepath.Dir(meta))
		}
	}
	var files []file
	for _, root := range roots {
		// What cannot be read is missing here, and an error when it is opened.
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			if stat, err := os.Stat(path); err == nil && stat.Mode().IsRegular() {
				files = append(files, file{path, stat.Size(), stat.ModTime().UnixNano()})
			}
			return nil
		})
	}
	return files
}

// digestFiles hashes the bytes of the files, and where each of them ends.
func digestFiles(ctx context.Context, files []file) (string, error) {
	all := sha256.New()
	for _, f := range files {
		sum := sha256.New()
		if err := copyFile(ctx, sum, f.path); err != nil {
			return "", err
		}
		all.Write(sum.Sum(nil))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

func copyFile(ctx context.Context, into io.Writer, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	for {
		if _, err := io.CopyN(into, from, 1<<24); err == io.EOF {
			return nil
		} else if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}
