package loop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/rules"
)

// maxFile bounds a file of a model or of rules, in bytes.
const maxFile = 128 << 20

// file is an Origin: a file that somebody may change at any time.
type file struct {
	subject, path string
	read          func(c *Change, text []byte) error

	before [sha256.Size]byte // the content when it was last looked at
	known  Change            // the last that settled, and what is wrong with it
	wrong  error
}

// ModelFile is the Origin of a model in a file. It is taken when two looks in a row
// find the same in it: some programs write in place.
func ModelFile(path string) Origin {
	return &file{subject: model.SubjectModel, path: path, read: func(c *Change, text []byte) (err error) {
		if c.Model, err = model.Read(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		c.Name = fmt.Sprintf("%s (%s)", c.Model.Name, c.ID)
		return nil
	}}
}

// RulesFile is the Origin of rules in a file, as ModelFile is of a model. One without
// a word in it is being written.
func RulesFile(path string) Origin {
	return &file{subject: model.SubjectRules, path: path, read: func(c *Change, text []byte) error {
		parsed, err := rules.Parse(path, text)
		if err != nil {
			return err
		}
		if c.Rules, err = rules.Compile(parsed); err != nil {
			return err
		}
		c.Name, c.Text = parsed.Version, text
		return nil
	}}
}

func (f *file) Subject() string { return f.subject }

func (f *file) Look(context.Context) (Change, error) {
	text, err := f.content()
	if err != nil {
		return Change{}, err
	}
	sum := sha256.Sum256(text)
	settled := sum == f.before
	f.before = sum
	if len(bytes.TrimSpace(text)) == 0 || !settled {
		return Change{}, ErrUnsettled
	}
	id := hex.EncodeToString(sum[:6])
	if f.known.ID != id {
		f.known = Change{Version: Version{Subject: f.subject, Name: id, ID: id}}
		f.wrong = f.read(&f.known, text)
	}
	return f.known, f.wrong
}

func (f *file) content() ([]byte, error) {
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", f.path, maxFile)
	}
	return text, err
}

// Told implements Origin: nobody is to be told.
func (*file) Told(context.Context, Outcome) error { return nil }

// Anew implements Origin: a file is asked for anew by changing it.
func (*file) Anew(context.Context, Version, time.Time) (bool, error) { return false, nil }

// First looks at an origin until what is there has settled, a few times at most: it is
// for the start.
func First(ctx context.Context, o Origin) (Change, error) {
	for range 3 {
		if c, err := o.Look(ctx); !errors.Is(err, ErrUnsettled) {
			return c, err
		}
	}
	return Change{}, ErrUnsettled
}
