package accesslog

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/datasets"
)

// table reads CSV with the columns of a recording's requests.csv, line by line:
// no value holds a line's end.
type table struct {
	head string
	row  *datasets.RequestRow
}

func (p *table) parse(line string, e *entry) error {
	if p.row != nil && line == p.head { // of the next of several files in one
		return errHead
	}
	record, err := record(line)
	if err != nil {
		return err
	}
	if p.row == nil {
		if !slices.Contains(record, "latency_seconds") {
			return errAlien
		}
		p.head = line
		if p.row, err = datasets.NewRequestRow(record); err != nil {
			return err
		}
		return errHead
	}
	r, err := p.row.Read(record)
	if err != nil {
		return err
	}
	return e.add(r)
}

// record takes a line apart.
func record(line string) ([]string, error) {
	if !strings.Contains(line, `"`) {
		return strings.Split(line, ","), nil
	}
	all, err := csv.NewReader(strings.NewReader(line)).Read()
	if err != nil {
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			err = bad.Err
		}
		return nil, err
	}
	return all, nil
}
