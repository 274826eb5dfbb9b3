package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/model"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func normals(random *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(random.NormFloat64())
	}
	return out
}

// lossCase is a loss with random but valid targets of some rows, one of which
// is padding.
type lossCase struct {
	name   string
	loss   loss
	rows   int
	group  int
	target []float32
}

func losses(random *rand.Rand) []lossCase {
	const rows = 6
	nan := float32(math.NaN())
	var curves []float32
	for i := range rows {
		t := [outcomeTargets]float32{
			targetLoad: 20 * random.Float32(), targetNow: 15 * random.Float32(), targetReference: float32(random.NormFloat64()), targetCapacity: 12,
			targetConcurrency: 1 + 3*random.Float32(), targetWaiting: 30 * random.Float32(), targetHorizon: 5 + 10*random.Float32(),
			targetOdds: float32(random.NormFloat64()), targetExcess: random.Float32(), targetMean: float32(random.NormFloat64()),
			targetP50: float32(random.NormFloat64()) - 2, targetP90: nan, targetP99: 2 + 2*random.Float32(), targetErrors: random.Float32(), targetWeight: 1 + random.Float32(),
		}
		switch i {
		case 1:
			t[targetWaiting] = 0
		case 2:
			t[targetMean], t[targetErrors] = nan, nan
		case 4:
			t[targetWeight] = 0
		}
		curves = append(curves, t[:]...)
	}
	return []lossCase{
		{"choice", choice{1, 3}, rows, 3, []float32{0.2, 0.7, 0.1, 0.5, -1, 0.5}},
		{"fixed", choice{5, 5}, 2, 1, []float32{0.2, 0.7, 0.1, 0, -1, -1, -1, -1, -1, -1}},
		{"survival", survival{4}, rows, 1, []float32{4, 0, 1, 2, 1, 1.5, 0, 0, 1, 1, 0, 1, 3, 0, 2, 4, 1, 0.5}},
		{"curve", curve{model.DefaultBounds()}, rows, 1, curves},
	}
}

func layersFor(random *rand.Rand, widths ...int) []model.Layer {
	var layers []model.Layer
	for i := 1; i < len(widths); i++ {
		layers = append(layers, model.Layer{In: widths[i-1], Out: widths[i], ReLU: i < len(widths)-1,
			W: normals(random, widths[i-1]*widths[i]), B: normals(random, widths[i])})
	}
	return layers
}

// TestGradients compares what the tape computes with finite differences of
// its own loss, for every parameter of small networks.
func TestGradients(t *testing.T) {
	random := seeded(3)
	for _, c := range losses(random) {
		t.Run(c.name, func(t *testing.T) {
			outputs, _ := c.loss.widths()
			m, err := newMachine(layersFor(random, 3, 7, 5, outputs), c.loss, c.rows/c.group, c.group)
			if err != nil {
				t.Fatal(err)
			}
			copy(m.x, normals(random, len(m.x)))
			copy(m.target, c.target)
			for _, mask := range m.masks {
				drawMask(mask, 0.2, random)
			}
			run := func() float64 {
				t.Helper()
				loss, err := m.run()
				if err != nil {
					t.Fatal(err)
				}
				return loss
			}
			if loss := run(); !(loss > 0) {
				t.Fatalf("loss is %v", loss)
			}
			for p := range m.params {
				grads := append([]float32(nil), floats(m.params[p].grad.Value())...)
				for i := range grads {
					const step = 1.0 / 512
					was := m.params[p].value[i]
					m.params[p].value[i] = was + step
					up := run()
					m.params[p].value[i] = was - step
					down := run()
					m.params[p].value[i] = was
					numeric := (up - down) / (2 * step)
					if math.Abs(numeric-float64(grads[i])) > 1e-2*(1+math.Abs(numeric)) {
						t.Errorf("parameter %d[%d]: gradient %v, finite difference %v", p, i, grads[i], numeric)
					}
				}
			}
		})
	}
}

// TestLossGradients is the same for the losses alone, in finer steps: their
// values are sums in float64.
func TestLossGradients(t *testing.T) {
	random := seeded(4)
	for _, c := range losses(random) {
		outputs, _ := c.loss.widths()
		out := normals(random, c.rows*outputs)
		grad := make([]float32, len(out))
		c.loss.value(out, c.target, grad)
		for i := range out {
			was := out[i]
			const step = 1.0 / 1024
			out[i] = was + step
			up := c.loss.value(out, c.target, nil)
			out[i] = was - step
			down := c.loss.value(out, c.target, nil)
			out[i] = was
			if numeric := (up - down) / (2 * step); math.Abs(numeric-float64(grad[i])) > 2e-4*(1+math.Abs(numeric)) {
				t.Errorf("%s: output %d: gradient %v, finite difference %v", c.name, i, grad[i], numeric)
			}
		}
	}
}

func TestChoiceSurvivesAnyLogit(t *testing.T) {
	for _, out := range [][]float32{{1e4, -1e4, 0}, {-3e38, 3e38, 0}, {-500, -501, -502}} {
		grad := make([]float32, 3)
		value := choice{1, 3}.value(out, []float32{0.5, 0.25, 0.25}, grad)
		if math.IsNaN(value) {
			t.Errorf("loss of %v is NaN", out)
		}
		sum := 0.0
		for _, g := range grad {
			sum += float64(g)
		}
		if math.IsNaN(sum) || math.Abs(sum) > 1e-6 {
			t.Errorf("gradient of %v sums to %v; want 0", out, sum)
		}
	}
	if value := (choice{1, 2}).value([]float32{float32(math.NaN()), 1}, []float32{0.5, 0.5}, nil); !math.IsNaN(value) {
		t.Errorf("a NaN logit gives the loss %v; it must show", value)
	}
}

// TestMachineAgreesWithServing runs the same rows through Gorgonia and through
// what serving runs.
func TestMachineAgreesWithServing(t *testing.T) {
	random := seeded(5)
	for _, c := range []struct {
		name   string
		widths []int
		loss   loss
	}{
		{"softmax", []int{20, 128, 64, 32, 1}, choice{1, 5}},
		{"fixed5", []int{20, 128, 64, 32, 5}, choice{5, 5}},
		{"outcome", []int{30, 128, 64, 32, 10}, curve{model.DefaultBounds()}},
		{"hazard", []int{35, 32, 16, 6}, survival{6}},
		{"logistic", []int{35, 6}, survival{6}},
	} {
		const rows = 10_000
		layers := initial(random, c.widths...)
		last := &layers[len(layers)-1]
		for i := range last.W {
			last.W[i] = float32(0.2 * random.NormFloat64())
		}
		for _, l := range layers {
			copy(l.B, normals(random, len(l.B)))
		}
		m, err := newMachine(layers, c.loss, rows/5, 5)
		if err != nil {
			t.Fatal(err)
		}
		copy(m.x, normals(random, len(m.x)))
		for _, mask := range m.masks {
			fillOnes(mask)
		}
		if _, err := m.run(); err != nil {
			t.Fatal(err)
		}
		served, err := forward(m.snapshot(), m.x)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i, v := range floats(m.out.Value()) {
			worst = math.Max(worst, math.Abs(float64(v-served[i]))/math.Max(1, math.Abs(float64(v))))
		}
		t.Logf("%s: largest difference %.2g", c.name, worst)
		if !(worst < 1e-5) {
			t.Errorf("%s: serving differs from Gorgonia by %v", c.name, worst)
		}
	}
}

// TestDropoutKeepsTheMean compares the output without dropout with the mean
// over many masks, of one layer, where the two are equal in expectation.
func TestDropoutKeepsTheMean(t *testing.T) {
	random := seeded(6)
	layers := layersFor(random, 4, 32, 1)
	m, err := newMachine(layers, choice{1, 2}, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	copy(m.x, normals(random, len(m.x)))
	copy(m.target, []float32{1, 0})
	served, err := forward(layers, m.x)
	if err != nil {
		t.Fatal(err)
	}
	task := task{layers: layers, dropped: 1}
	const runs = 4000
	var sum, squares [2]float64
	for range runs {
		task.drop(m, 0.2, random)
		if _, err := m.run(); err != nil {
			t.Fatal(err)
		}
		for i, v := range floats(m.out.Value()) {
			sum[i] += float64(v)
			squares[i] += float64(v) * float64(v)
		}
	}
	for i := range sum {
		mean := sum[i] / runs
		spread := math.Sqrt((squares[i]/runs - mean*mean) / runs)
		if spread == 0 || math.Abs(mean-float64(served[i])) > 4*spread {
			t.Errorf("row %d: mean of training outputs %v ± %v, without dropout %v", i, mean, spread, served[i])
		}
	}
}
