package benchmark

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
)

// PetShopReport is how often normal operation of PetShop raises an alarm at the
// entry, whether injected issues do, and whether their cause is found.
type PetShopReport struct{ Latency, Availability Target }

// Target is the outcome of one metric of the entry.
type Target struct {
	Steps, FalseAlarms int // steps of normal operation that were judged; alarms among them
	Issues, Seen       int // issues of this target; those that raise an alarm
	Top1, Top3         int // issues whose cause is the first, or among the first three, suspects
}

const (
	petShopAlarm  = 3   // scales on the bad side, as the naive baseline's
	petShopWarmup = 8   // steps before the first is judged
	petShopMemory = 288 // steps: a day
)

// PetShop judges the recordings in a folder, one kind of traffic after the
// other (TRAFFIC-normal.om.gz, TRAFFIC-SPLIT-issues.om.gz, TRAFFIC-edges.csv,
// issues.csv). Normal operation is a stream that nothing comes before; for the
// issues, which were recorded four months earlier, all of it is the history.
func PetShop(ctx context.Context, dir string) (report PetShopReport, err error) {
	normals, err := filepath.Glob(filepath.Join(dir, "*-normal.om.gz"))
	if err == nil && len(normals) == 0 {
		err = fmt.Errorf("%s: holds no *-normal.om.gz", dir)
	}
	if err != nil {
		return report, err
	}
	issues, err := table(filepath.Join(dir, "issues.csv"),
		"traffic", "split", "target_service", "target_metric", "detected_unix", "root_cause_service", "start_unix", "end_unix")
	if err != nil {
		return report, err
	}
	for _, path := range normals {
		traffic := strings.TrimSuffix(path, "-normal.om.gz")
		edges, err := table(traffic+"-edges.csv", "caller", "callee")
		if err != nil {
			return report, err
		}
		mine := of(issues, "traffic", strings.ReplaceAll(filepath.Base(traffic), "-", "_"))
		for measure, target := range map[string]*Target{"latency": &report.Latency, "availability": &report.Availability} {
			s := &shop{traffic: traffic, measure: measure, edges: edges}
			if err := s.judge(ctx, of(mine, "target_metric", measure), target); err != nil {
				return report, err
			}
		}
	}
	return report, nil
}

// of are the rows whose column is value.
func of(rows []map[string]string, column, value string) (found []map[string]string) {
	for _, row := range rows {
		if row[column] == value {
			found = append(found, row)
		}
	}
	return found
}

// shop is what is known of all services under one traffic, by one measure.
type shop struct {
	traffic, measure string
	edges            []map[string]string
	levels           map[string]*anomaly.Level // of normal operation
}

// judge takes the issues of this traffic and measure.
func (s *shop) judge(ctx context.Context, issues []map[string]string, target *Target) error {
	entries, splits := map[string]bool{}, map[string]bool{}
	for _, issue := range issues {
		entries[issue["target_service"]], splits[issue["split"]] = true, true
	}
	if err := s.learn(ctx, entries, target); err != nil {
		return err
	}
	for split := range splits {
		path := s.traffic + "-" + split + "-issues.om.gz"
		seen, h, err := s.read(ctx, path)
		if err != nil {
			return err
		}
		for _, issue := range of(issues, "split", split) {
			if err := s.issue(seen, h, issue, target); err != nil {
				return fmt.Errorf("%s: %s: %w", path, issue["issue"], err)
			}
		}
	}
	return nil
}

func (s *shop) read(ctx context.Context, path string) (map[string]course, *history, error) {
	h, err := openHistory(ctx, path, 5*time.Minute)
	if err != nil {
		return nil, nil, err
	}
	defer h.dump.Close()
	metric := map[string]string{"latency": "service_latency_mean_seconds", "availability": "service_availability_ratio"}[s.measure]
	rows, err := h.series(ctx, metric)
	if err != nil {
		return nil, nil, err
	}
	rates, err := h.series(ctx, "service_request_rate")
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]course{}
	for _, row := range rows {
		c := logarithms(row.Values)
		if s.measure == "availability" {
			c = failures(row, rates, h.step)
		}
		seen[row.Labels["service"]] = c
	}
	return seen, h, nil
}

// learn walks normal operation and counts what the entries would have alarmed.
func (s *shop) learn(ctx context.Context, entries map[string]bool, target *Target) error {
	seen, _, err := s.read(ctx, s.traffic+"-normal.om.gz")
	if err != nil {
		return err
	}
	s.levels = map[string]*anomaly.Level{}
	for name, c := range seen {
		level := &anomaly.Level{}
		for i, v := range c.values {
			if entries[name] && level.N >= petShopWarmup && !math.IsNaN(v) {
				target.Steps++
				if level.Distance(v, c.floors[i]) > petShopAlarm {
					target.FalseAlarms++
				}
			}
			level.Learn(v, c.floors[i], petShopMemory)
		}
		s.levels[name] = level
	}
	return nil
}

// issue looks for an alarm at the entry from the start of an issue on, and for
// its cause from one step before it was detected on.
func (s *shop) issue(seen map[string]course, h *history, issue map[string]string, target *Target) error {
	at := map[string]int{}
	for _, column := range []string{"start_unix", "detected_unix", "end_unix"} {
		t, err := strconv.ParseFloat(issue[column], 64)
		if err != nil {
			return fmt.Errorf("%s: %w", column, err)
		}
		at[column] = h.last(t)
	}
	begin, detected, end := at["start_unix"], at["detected_unix"], at["end_unix"]
	entry, level := seen[issue["target_service"]], s.levels[issue["target_service"]]
	if begin < 0 || detected > end || end >= len(entry.values) || level == nil {
		return fmt.Errorf("it lies outside the recording, or %s is not in it", issue["target_service"])
	}
	target.Issues++
	for step := begin; step <= end; step++ {
		if level.Distance(entry.values[step], entry.floors[step]) > petShopAlarm {
			target.Seen++
			break
		}
	}
	place := s.cause(seen, detected, end, issue["root_cause_service"])
	if place == 1 {
		target.Top1++
	}
	if place <= 3 {
		target.Top3++
	}
	return nil
}

// cause ranks the services by the mean of some steps and returns the place of
// the true cause.
func (s *shop) cause(seen map[string]course, first, last int, cause string) int {
	g := graph{}
	for _, edge := range s.edges {
		g.call(edge["caller"], edge["callee"])
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		c, level := seen[name], s.levels[name]
		if level == nil {
			continue // normal operation never saw it
		}
		recent, floor := trail{level: *level, keep: last - first + 1}, 0.0
		for step := first; step <= last; step++ {
			recent.push(c.values[step], 0, 1)
			floor = max(floor, c.floors[step])
		}
		service := g.service(name)
		g.evidence[service].Served = max(recent.distance(floor), 0)
	}
	return rank(anomaly.Suspects(g.evidence, g.calls), g.service(cause))
}
