package train

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/predict"
)

// Importance is what a group of inputs is worth: by how much the errors grow
// when its values are dealt out anew among the endpoints and times, all
// columns of the group together. Inputs that tell the same are in one group,
// else each would hide what the other is worth.
type Importance struct {
	Inputs []string `json:"inputs"`
	// Growth of the log-RMSE of the mean, and of the error ratio's Brier score:
	// the mean of the deals, the least and the most.
	Mean   [3]Number `json:"mean_log_rmse_growth"`
	Errors [3]Number `json:"error_brier_growth"`
}

// Of the permutation importance: decisions that are looked at at most, deals
// of each group, and the rank correlation from which on two inputs belong
// together (every two of a group).
const (
	mostMoments = 2000
	deals       = 5
	related     = 0.6
)

// loadThatComes names the group that is no column: the load as the network was
// told it.
const loadThatComes = "the load that came"

// permuted is the sample that is dealt.
type permuted struct {
	judge   *judge
	frames  []*features.Frame
	loads   [][]float64 // requests/s
	came    [][]came
	weights [][]float64
	where   [][2]int // frame and endpoint of each row
}

// importance of the inputs of an outcome network, the most important first.
func (j *judge) importance(part datasets.Part, random *rand.Rand) ([]Importance, error) {
	p := j.sample(part)
	if len(p.where) < 2 {
		return nil, nil
	}
	mean, errors, err := p.errors()
	if err != nil {
		return nil, err
	}
	var list []Importance
	for _, group := range append(p.groups(), []int{-1}) {
		one := Importance{}
		for _, column := range group {
			one.Inputs = append(one.Inputs, p.name(column))
		}
		var means, brier []float64
		for range deals {
			m, e, err := p.dealt(group, random.Perm(len(p.where)))
			if err != nil {
				return nil, err
			}
			means, brier = append(means, m-mean), append(brier, e-errors)
		}
		one.Mean, one.Errors = spreadOf(means), spreadOf(brier)
		list = append(list, one)
	}
	slices.SortStableFunc(list, func(a, b Importance) int { return cmp.Compare(b.Mean[0], a.Mean[0]) })
	return list, nil
}

func spreadOf(values []float64) [3]Number {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return [3]Number{Number(sum / float64(len(values))), Number(slices.Min(values)), Number(slices.Max(values))}
}

func (p *permuted) name(column int) string {
	if column < 0 {
		return loadThatComes
	}
	return p.judge.set.Columns[column]
}

// sample copies decisions of the part, evenly spread.
func (j *judge) sample(part datasets.Part) *permuted {
	count := 0
	j.set.each(part, func(_ int, m *Moment) {
		if !j.skip[m.Service] {
			count++
		}
	})
	every := max(1, (count+mostMoments-1)/mostMoments)
	p, seen := &permuted{judge: j}, 0
	j.set.each(part, func(_ int, m *Moment) {
		if j.skip[m.Service] {
			return
		}
		if seen++; (seen-1)%every != 0 {
			return
		}
		f := j.set.frame(m)
		f.X = slices.Clone(f.X)
		var answers []came
		var weights []float64
		for i := range m.After {
			weight := m.After[i].Requests
			if !(weight > 0 && m.After[i].Rate >= 0) {
				weight = 0
			}
			answers, weights = append(answers, j.cameOf(m.Service, &m.After[i])), append(weights, weight)
			p.where = append(p.where, [2]int{len(p.frames), i})
		}
		p.frames, p.loads, p.came, p.weights = append(p.frames, f), append(p.loads, loadThatCame(m)), append(p.came, answers), append(p.weights, weights)
	})
	return p
}

// errors are the log-RMSE of the mean and the Brier score of the error ratio.
func (p *permuted) errors() (mean, errors float64, err error) {
	var squares, brier average
	for k, f := range p.frames {
		said := make([]predict.Prediction, len(f.Endpoints))
		if err := p.judge.predictor.Predict(said, f, p.loads[k]); err != nil {
			return 0, 0, fmt.Errorf("train: importance: %w", err)
		}
		for i := range said {
			guess := foretold(&said[i])
			squares.addKnown(score{ofMean, logarithmic}.loss(&guess, &p.came[k][i]), p.weights[k][i])
			brier.addKnown(score{ofErrors, brierScore}.loss(&guess, &p.came[k][i]), p.weights[k][i])
		}
	}
	return math.Sqrt(squares.value()), brier.value(), nil
}

// dealt are the errors when row i has the columns of row order[i].
func (p *permuted) dealt(columns []int, order []int) (mean, errors float64, err error) {
	former := make([]float32, len(order))
	var undo []func()
	for _, column := range columns {
		for i := range order {
			former[i] = p.value(i, column)
		}
		kept := slices.Clone(former)
		for i, from := range order {
			p.put(i, column, kept[from])
		}
		undo = append(undo, func() {
			for i, v := range kept {
				p.put(i, column, v)
			}
		})
	}
	mean, errors, err = p.errors()
	for _, back := range undo {
		back()
	}
	return mean, errors, err
}

// value of a column in a row; of the load, that over the capacity, so that no
// endpoint is told the load of one ten times as large.
func (p *permuted) value(i, column int) float32 {
	frame, endpoint := p.where[i][0], p.where[i][1]
	row := p.frames[frame].Row(endpoint)
	if column < 0 {
		return float32(p.loads[frame][endpoint] / float64(row[p.judge.anchors.capacity]))
	}
	return row[column]
}

func (p *permuted) put(i, column int, v float32) {
	frame, endpoint := p.where[i][0], p.where[i][1]
	row := p.frames[frame].Row(endpoint)
	if column >= 0 {
		row[column] = v
		return
	}
	if load := float64(v) * float64(row[p.judge.anchors.capacity]); load >= 0 && !math.IsInf(load, 0) {
		p.loads[frame][endpoint] = load
	}
}

// groups joins the network's inputs, the nearest first, as long as every two
// of a group are related (complete linkage on Spearman's rank correlation).
func (p *permuted) groups() [][]int {
	var groups [][]int
	var ranked [][]float64
	for _, name := range p.judge.inputs {
		column := slices.Index(p.judge.set.Columns, name)
		values := make([]float64, len(p.where))
		for i := range values {
			values[i] = float64(p.value(i, column))
		}
		groups, ranked = append(groups, []int{column}), append(ranked, ranks(values))
	}
	near := make([][]float64, len(ranked)) // of the groups, the least of their members
	for a := range ranked {
		near[a] = make([]float64, len(ranked))
		for b := range ranked {
			near[a][b] = math.Abs(correlation(ranked[a], ranked[b]))
		}
	}
	for {
		a, b := nearest(near, groups)
		if a < 0 {
			break
		}
		groups[a], groups[b] = append(groups[a], groups[b]...), nil
		for c := range near {
			near[a][c] = math.Min(near[a][c], near[b][c])
			near[c][a] = near[a][c]
		}
	}
	return slices.DeleteFunc(groups, func(g []int) bool { return g == nil })
}

// nearest are the two groups that are the most related, or -1.
func nearest(near [][]float64, groups [][]int) (a, b int) {
	best := related
	a, b = -1, -1
	for i := range groups {
		for k := i + 1; k < len(groups); k++ {
			if groups[i] != nil && groups[k] != nil && near[i][k] >= best && (a < 0 || near[i][k] > best) {
				a, b, best = i, k, near[i][k]
			}
		}
	}
	return a, b
}

// ranks of values, from −½ to ½, of equals their middle; the unknown are in
// the middle of all.
func ranks(values []float64) []float64 {
	order := make([]int, 0, len(values))
	for i, v := range values {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = (float64(from+to-1)/2+0.5)/float64(len(order)) - 0.5
		}
		from = to
	}
	return out
}

// correlation of ranks, whose means are 0; 0 where one does not vary.
func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
