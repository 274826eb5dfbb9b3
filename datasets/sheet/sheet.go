// Package sheet writes slices of windows as Parquet. It stands apart so that
// only who keeps windows links Parquet, and the daemon does not.
package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// The columns of a slice's file, before those of the schema's series: a row
// for each endpoint of a window, windows and endpoints in their order.
var fixedColumns = []string{"service", "time", "endpoint", "subset", "zone", "address", "requests"}

// What is kept in the footer of the file.
const (
	metaStart  = "fairway.start" // Unix milliseconds
	metaNext   = "fairway.next"
	metaMemory = "fairway.memory"
	metaDelay  = "fairway.delay" // nanoseconds
	metaRange  = "fairway.range"
)

// sheet is the layout of a file: where the columns are. Parquet sorts them by
// their names.
type sheet struct {
	schema *parquet.Schema
	at     []int // of the fixed columns and then of the series
}

func newSheet(schema *mesh.Schema) sheet {
	group := parquet.Group{}
	text := parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	number := parquet.Encoded(parquet.Leaf(parquet.DoubleType), &parquet.ByteStreamSplit)
	for _, name := range fixedColumns {
		group[name] = text
	}
	group["time"] = parquet.Timestamp(parquet.Millisecond)
	group["requests"] = number
	names := slices.Clone(fixedColumns)
	for _, series := range schema.Series {
		name := series.Name
		if slices.Contains(fixedColumns, name) {
			name = "series:" + name // no series is called like this
		}
		names = append(names, name)
		group[name] = number
	}
	s := sheet{schema: parquet.NewSchema("windows", group)}
	sorted := slices.Sorted(slices.Values(names))
	for _, name := range names {
		s.at = append(s.at, slices.Index(sorted, name))
	}
	return s
}

// rowsAtOnce bounds the rows that are turned into values at a time.
const rowsAtOnce = 512

// Encode writes a slice as a Parquet file. Every float keeps its bits.
func Encode(s prom.Slice, schema *mesh.Schema) ([]byte, error) {
	sheet := newSheet(schema)
	var content bytes.Buffer
	w := parquet.NewWriter(&content, sheet.schema, parquet.Compression(&parquet.Zstd), parquet.DataPageStatistics(false))
	rows := make([]parquet.Row, 0, rowsAtOnce)
	flush := func() error {
		_, err := w.WriteRows(rows)
		rows = rows[:0]
		return err
	}
	for i := range s.Windows {
		for e := range s.Windows[i].Endpoints {
			if rows = append(rows, sheet.row(&s.Windows[i], e)); len(rows) == rowsAtOnce {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	w.SetKeyValueMetadata(metaStart, strconv.FormatInt(s.Start.UnixMilli(), 10))
	w.SetKeyValueMetadata(metaNext, strconv.FormatInt(s.Next.UnixMilli(), 10))
	w.SetKeyValueMetadata(metaMemory, string(s.Memory))
	if len(s.Windows) > 0 {
		first := &s.Windows[0]
		w.SetKeyValueMetadata(metaDelay, strconv.FormatInt(int64(first.Time.Sub(first.End)), 10))
		w.SetKeyValueMetadata(metaRange, strconv.FormatInt(int64(first.End.Sub(first.Start)), 10))
	}
	err := w.Close()
	return content.Bytes(), err
}

func (s sheet) row(w *mesh.Window, endpoint int) parquet.Row {
	e := &w.Endpoints[endpoint]
	row := make(parquet.Row, len(s.at))
	put := func(column int, v parquet.Value) { row[s.at[column]] = v.Level(0, 0, s.at[column]) }
	put(0, parquet.ByteArrayValue([]byte(w.Service)))
	put(1, parquet.Int64Value(w.Time.UnixMilli()))
	for i, text := range []string{e.Name, e.Subset, e.Zone, e.Address} {
		put(2+i, parquet.ByteArrayValue([]byte(text)))
	}
	put(6, parquet.DoubleValue(w.Requests[endpoint]))
	for i, v := range w.Row(endpoint) {
		put(len(fixedColumns)+i, parquet.DoubleValue(v))
	}
	return row
}

// Decode reads what Encode wrote.
func Decode(content []byte, schema *mesh.Schema) (prom.Slice, error) {
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return prom.Slice{}, err
	}
	sheet := newSheet(schema)
	if !parquet.EqualNodes(file.Schema(), sheet.schema) {
		return prom.Slice{}, errors.New("it has other columns than the schema asks for")
	}
	var s prom.Slice
	start, err := metaTime(file, metaStart)
	next, err2 := metaTime(file, metaNext)
	if err := errors.Join(err, err2); err != nil {
		return s, err
	}
	s.Start, s.Next = start, next
	memory, _ := file.Lookup(metaMemory)
	s.Memory = []byte(memory)
	reader := windowReader{sheet: sheet, schema: schema, names: map[string]string{}}
	if file.NumRows() > 0 {
		delay, err := metaNumber(file, metaDelay)
		span, err2 := metaNumber(file, metaRange)
		if err := errors.Join(err, err2); err != nil {
			return s, err
		}
		reader.delay, reader.span = time.Duration(delay), time.Duration(span)
	}
	for _, group := range file.RowGroups() {
		if err := reader.read(group); err != nil {
			return s, err
		}
	}
	s.Windows = reader.windows
	return s, nil
}

func metaNumber(file *parquet.File, key string) (int64, error) {
	text, _ := file.Lookup(key)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s in the footer: %w", key, err)
	}
	return n, nil
}

func metaTime(file *parquet.File, key string) (time.Time, error) {
	n, err := metaNumber(file, key)
	return time.UnixMilli(n).UTC(), err
}

// windowReader puts windows together from rows.
type windowReader struct {
	sheet       sheet
	schema      *mesh.Schema
	delay, span time.Duration
	windows     []mesh.Window
	names       map[string]string // each text once
}

func (r *windowReader) read(group parquet.RowGroup) error {
	rows := group.Rows()
	defer rows.Close()
	batch := make([]parquet.Row, rowsAtOnce)
	for {
		n, err := rows.ReadRows(batch)
		for _, row := range batch[:n] {
			if len(row) != len(r.sheet.at) {
				return fmt.Errorf("a row of %d values; want %d", len(row), len(r.sheet.at))
			}
			r.add(row)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *windowReader) add(row parquet.Row) {
	get := func(column int) parquet.Value { return row[r.sheet.at[column]] }
	service, at := r.text(get(0)), time.UnixMilli(get(1).Int64()).UTC()
	if n := len(r.windows); n == 0 || r.windows[n-1].Service != service || !r.windows[n-1].Time.Equal(at) {
		end := at.Add(-r.delay)
		r.windows = append(r.windows, mesh.Window{Service: service, Time: at, Start: end.Add(-r.span), End: end, Schema: r.schema})
	}
	w := &r.windows[len(r.windows)-1]
	w.Endpoints = append(w.Endpoints, mesh.Endpoint{Name: r.text(get(2)), Subset: r.text(get(3)), Zone: r.text(get(4)), Address: r.text(get(5))})
	w.Requests = append(w.Requests, get(6).Double())
	for i := range r.schema.Series {
		w.Values = append(w.Values, get(len(fixedColumns)+i).Double())
	}
}

func (r *windowReader) text(v parquet.Value) string {
	bytes := v.ByteArray()
	if known, ok := r.names[string(bytes)]; ok {
		return known
	}
	text := string(bytes)
	r.names[text] = text
	return text
}
