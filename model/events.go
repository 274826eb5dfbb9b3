package model

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// events is the file of a directory that holds an Event in each line, oldest
// first. It is only ever added to, with one write a line.
const events = "events.jsonl"

// Record implements Registry. The event is on the disk when it returns.
func (d *shelf) Record(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.Time.IsZero() {
		e.Time = d.Clock().UTC()
	}
	e.By = cmp.Or(e.By, d.By)
	if err := e.Validate(); err != nil {
		return fmt.Errorf("registry %s: %w", d.path, err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("registry %s: event: %w", d.path, err)
	}
	if err := appendLine(filepath.Join(d.path, events), line); err != nil {
		return fmt.Errorf("registry: event: %w", err)
	}
	return durable.Sync(d.path)
}

// appendLine begins a new line where one was cut off, so that only that one is
// lost. Two programs may both see it: then one line is empty.
func appendLine(path string, line []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	last := []byte{'\n'}
	if size, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	} else if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	line = append(line, '\n')
	if last[0] != '\n' {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	return f.Sync()
}

// Events implements Registry. A line that cannot be read, such as the last
// after a crash, stands in its place as an event of kind Damaged.
func (d *shelf) Events(ctx context.Context, n int) ([]Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path := filepath.Join(d.path, events)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	all := parseEvents(path, text)
	if n > 0 && len(all) > n {
		all = all[len(all)-n:]
	}
	return all, nil
}

func parseEvents(path string, text []byte) []Event {
	var all []Event
	number := 0
	for line := range bytes.Lines(text) {
		number++
		whole := line[len(line)-1] == '\n'
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var e Event
		err := json.Unmarshal(line, &e)
		if err == nil && !whole {
			err = errors.New("it has no end")
		}
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			e = Event{Kind: Damaged, Text: fmt.Sprintf("%s:%d: this line cannot be read and was skipped: %v", path, number, err)}
		}
		all = append(all, e)
	}
	return all
}
