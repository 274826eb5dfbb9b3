package benchmark

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fairway-mesh/fairway/anomaly"
)

// SMDReport is how well the detector ranks the rows of the Server Machine
// Dataset by strangeness, one machine at a time.
type SMDReport struct {
	Machines []Machine
	Mean     float64 // average precision, mean over machines
	Naive    float64 // the same of the mean square distance
	Alone    float64 // the same of the detector without a history
	// Explained is in how many labelled segments the metric that the detector
	// names in the row of the highest score is one of those to blame; by Chance
	// it would be in so many.
	Explained Hits
	Chance    float64
}

// Machine is the outcome on the test half of one machine. Scores are average
// precision.
type Machine struct {
	Name      string
	Positives float64 // share of rows that are labelled: what chance scores
	Detector  float64 // with the train half as history
	Naive     float64 // mean over metrics of squared distances from the train half's mean, in its deviations, each at most 50
	Alone     float64 // the detector that starts with the test half
	Explained Hits
	Chance    float64
}

// SMD scores every machine-…_train.csv.gz and …_test.csv.gz of a folder, as
// fairway detect --train does.
func SMD(ctx context.Context, dir string) (SMDReport, error) {
	trains, err := filepath.Glob(filepath.Join(dir, "machine-*_train.csv.gz"))
	if err == nil && len(trains) == 0 {
		err = fmt.Errorf("%s: holds no machine-*_train.csv.gz", dir)
	}
	if err != nil {
		return SMDReport{}, err
	}
	var report SMDReport
	for _, train := range trains {
		machine, err := score(ctx, train, strings.Replace(train, "_train.csv.gz", "_test.csv.gz", 1))
		if err != nil {
			return SMDReport{}, err
		}
		report.Machines = append(report.Machines, machine)
		n := float64(len(trains))
		report.Mean += machine.Detector / n
		report.Naive += machine.Naive / n
		report.Alone += machine.Alone / n
		report.Explained.Hits += machine.Explained.Hits
		report.Explained.Of += machine.Explained.Of
		report.Chance += machine.Chance
	}
	return report, nil
}

// score judges one machine by its test half.
func score(ctx context.Context, train, test string) (Machine, error) {
	detector, usual, err := seasoned(ctx, train)
	if err != nil {
		return Machine{}, err
	}
	fresh := anomaly.NewTable(len(usual.mean), anomaly.DefaultAlarmConfig())
	var withHistory, alone, naive []float64
	var tops []int
	var positive []bool
	if err := rows(ctx, test, func(values []float64, label bool) {
		if len(values) != len(usual.mean) {
			return // reported below
		}
		verdict := detector.Push(math.NaN(), values)
		withHistory, tops = append(withHistory, verdict.Score), append(tops, verdict.Top)
		alone = append(alone, fresh.Push(math.NaN(), values).Score)
		naive = append(naive, usual.meanSquare(values))
		positive = append(positive, label)
	}); err != nil {
		return Machine{}, err
	}
	if len(positive) == 0 {
		return Machine{}, fmt.Errorf("%s: holds no row with the %d metrics of %s", test, len(usual.mean), train)
	}
	machine := Machine{
		Name:      strings.TrimSuffix(filepath.Base(train), "_train.csv.gz"),
		Positives: float64(count(positive)) / float64(len(positive)),
		Detector:  AveragePrecision(withHistory, positive),
		Naive:     AveragePrecision(naive, positive),
		Alone:     AveragePrecision(alone, positive),
	}
	segments, err := readSegments(filepath.Join(filepath.Dir(train), "interpretation_label", machine.Name+".txt"))
	if err != nil {
		return Machine{}, err
	}
	machine.explain(segments, withHistory, tops, len(usual.mean))
	return machine, nil
}

// seasoned shows the train half of a machine to the detector, and to the naive
// one.
func seasoned(ctx context.Context, train string) (detector *anomaly.Table, usual reference, err error) {
	err = rows(ctx, train, func(values []float64, _ bool) {
		if detector == nil {
			detector = anomaly.NewTable(len(values), anomaly.DefaultAlarmConfig())
		}
		detector.Push(math.NaN(), values)
		usual.learn(values)
	})
	if err == nil && detector == nil {
		err = fmt.Errorf("%s: holds no row", train)
	}
	if err != nil {
		return nil, usual, err
	}
	detector.Hold()
	return detector, usual, nil
}

// reference is the naive detector: mean and deviation of a history (Welford).
type reference struct {
	n             float64
	mean, squares []float64
}

func (r *reference) learn(values []float64) {
	if r.mean == nil {
		r.mean, r.squares = make([]float64, len(values)), make([]float64, len(values))
	}
	r.n++
	for m, v := range values {
		d := v - r.mean[m]
		r.mean[m] += d / r.n
		r.squares[m] += d * (v - r.mean[m])
	}
}

func (r *reference) meanSquare(values []float64) float64 {
	const farthest, still = 50, 1e-6
	sum := 0.0
	for m, v := range values {
		z := (v - r.mean[m]) / max(math.Sqrt(r.squares[m]/r.n), still)
		z = min(max(z, -farthest), farthest)
		sum += z * z
	}
	return sum / float64(len(values))
}

// rows reads a gzipped table of a timestamp, metrics and at most one column
// named label. The values are valid until use returns.
func rows(ctx context.Context, path string, use func(values []float64, label bool)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return readRows(ctx, path, unpacked, use)
}

func readRows(ctx context.Context, path string, text io.Reader, use func(values []float64, label bool)) error {
	table := csv.NewReader(text)
	table.ReuseRecord = true
	head, err := table.Read()
	if err != nil {
		return fmt.Errorf("%s: head line: %w", path, err)
	}
	label := -1
	for i, name := range head {
		if name == "label" {
			label = i
		}
	}
	var values []float64
	for {
		record, err := table.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		values = values[:0]
		for i, text := range record[1:] {
			if i+1 == label {
				continue
			}
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				line, _ := table.FieldPos(i + 1)
				return fmt.Errorf("%s:%d: %q is no number", path, line, text)
			}
			values = append(values, v)
		}
		use(values, label >= 0 && record[label] != "0")
	}
}
