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
	"github.com/fairway-mesh/fairway/router/rules/load"
)

// maxFile bounds a file of a model, in bytes.
const maxFile = 128 << 20

// file is an Origin: a file that somebody may change at any time.
type file struct {
	subject, path string
	content       func() ([]byte, error)
	read          func(c *Change, text []byte) error

	before [sha256.Size]byte // the content when it was last looked at
	known  Change            // the last that settled, and what is wrong with it
	wrong  error
}

// ModelFile is the Origin of a model in a file. It is taken when two looks in a row
// find the same in it: some programs write in place.
func ModelFile(path string) Origin {
	return &file{subject: model.SubjectModel, path: path, content: func() ([]byte, error) { return content(path) }, read: func(c *Change, text []byte) (err error) {
		if c.Model, err = model.Read(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		c.Name = fmt.Sprintf("%s (%s)", c.Model.Name, c.ID)
		return nil
	}}
}

// RulesFile is the Origin of rules in a file, or in those of a directory, as ModelFile
// is of a model: it is taken when two looks in a row find the same in all of them. Rules
// without a word in them are being written.
func RulesFile(path string) Origin {
	return &file{
		subject: model.SubjectRules, path: path,
		content: func() ([]byte, error) { _, text, err := load.Read(path); return text, err },
		read: func(c *Change, text []byte) error {
			c.Text = text
			err := c.compile(path)
			if err == nil {
				c.Name = c.Rules.Version()
			}
			return err
		},
	}
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

func content(path string) ([]byte, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
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
