package ope

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// bandit is where the Open Bandit log (zr-obp, Apache-2.0) lies.
const bandit = "../../../shared/data/obd"

// items is how many the campaign has.
const items = 34

// shown is one row of the log.
type shown struct {
	item, position string
	propensity     float64
	click          float64
}

func readBandit(t *testing.T, policy string) []shown {
	t.Helper()
	file, err := os.Open(filepath.Join(bandit, policy, "men.csv.gz"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no shared data: ", err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range table[0] {
		column[name] = i
	}
	var rows []shown
	for _, row := range table[1:] {
		rows = append(rows, shown{
			item: row[column["item_id"]], position: row[column["position"]],
			propensity: number(t, row[column["propensity_score"]]), click: number(t, row[column["click"]]),
		})
	}
	return rows
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// marginal is the share of each item among the rows of a position.
func marginal(log []shown) func(*shown) float64 {
	items, positions := map[[2]string]float64{}, map[string]float64{}
	for _, r := range log {
		items[[2]string{r.position, r.item}]++
		positions[r.position]++
	}
	return func(r *shown) float64 { return items[[2]string{r.position, r.item}] / positions[r.position] }
}

// expectedRows reads the cells of each row of expected.md, by its name.
func expectedRows(t *testing.T) map[string][][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(bandit, "expected.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) < 2 {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimSpace(cells[0]), " (the")
		rows[name] = append(rows[name], cells[1:])
	}
	return rows
}

// TestOpenBandit holds every figure of expected.md to 1e-9.
func TestOpenBandit(t *testing.T) {
	logs := map[string][]shown{"bts": readBandit(t, "bts"), "random": readBandit(t, "random")}
	policies := map[string]func(*shown) float64{
		"uniform": func(*shown) float64 { return 1.0 / items }, "bts marginal": marginal(logs["bts"]),
	}
	facts, checked := expectedRows(t), 0
	near := func(what string, got Number, want string) {
		t.Helper()
		checked++
		w := number(t, want)
		if !(math.Abs(float64(got)-w) <= 1e-9*math.Abs(w)) {
			t.Errorf("%s is %.15g; want %s", what, float64(got), want)
		}
	}
	for log, rows := range logs {
		clicks, least, most := 0.0, 1.0, 0.0
		for _, r := range rows {
			clicks += r.click
			least, most = min(least, r.propensity), max(most, r.propensity)
		}
		column := map[string]int{"random": 0, "bts": 1}[log]
		n, c, _ := strings.Cut(facts["rows, clicks"][0][column], ", ")
		near(log+" rows", Number(len(rows)), n)
		near(log+" clicks", Number(clicks), c)
		near(log+" mean", Number(clicks/float64(len(rows))), facts["on-policy mean click"][0][column])
		if log == "bts" {
			from, to, _ := strings.Cut(facts["propensity"][0][column], " .. ")
			near("least propensity", Number(least), from)
			near("largest propensity", Number(most), to)
		} else if math.Abs(least-1.0/items) > 1e-9 || least != most {
			t.Errorf("random propensities reach from %v to %v; want 1/34", least, most)
		}
	}
	for name, lines := range facts {
		log, policy, ok := strings.Cut(name, " -> ")
		if !ok || policies[policy] == nil {
			continue
		}
		var rows []Row
		for i := range logs[log] {
			r := &logs[log][i]
			rows = append(rows, Row{Reward: r.click, Propensity: r.propensity, Evaluation: policies[policy](r), Predicted: nan, Expected: nan})
		}
		evaluate := func(clip float64) *Result {
			cfg := open()
			cfg.Clip = clip
			result, err := Evaluate(rows, cfg)
			if err != nil {
				t.Fatal(err)
			}
			return result
		}
		for _, want := range lines {
			if len(want) == 6 {
				r := evaluate(math.Inf(1))
				for i, got := range []Number{r.Estimates[IPS].Value, r.Estimates[SNIPS].Value, r.SampleSize, r.MeanWeight, r.MaxWeight, r.IPSError} {
					near(name+" "+[]string{"IPS", "SNIPS", "ESS", "mean w", "max w", "standard error"}[i], got, want[i])
				}
				if r.Unpredicted != r.Rows || !math.IsNaN(float64(r.Estimates[DR].Value)) {
					t.Errorf("%s: DR %v without a model; want none", name, r.Estimates[DR])
				}
				continue
			}
			for i, clip := range []float64{1, 5, 10, 100} {
				near(name+" clipped", evaluate(clip).Estimates[IPS].Value, want[i])
			}
		}
	}
	if checked != 44 {
		t.Errorf("checked %d figures; want 44: two logs of three, two propensities, four policies of six, three clipped four times", checked)
	}
}
