package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/fairway-mesh/fairway/predict/kernel/origin"
	"github.com/fairway-mesh/fairway/train"
	"github.com/fairway-mesh/fairway/train/naive"
)

// networkFigures is the last line of `fairway bench network`.
type networkFigures struct {
	// Training by rows of a batch: "32", "256", "1024".
	Training map[string]trainingFigures `json:"training"`
	// What TensorFlow.js ran on, or why it did not.
	TFJS      string           `json:"tfjs"`
	Inference inferenceFigures `json:"inference"`
}

// trainingFigures are of one size of batch. Rates are samples/s, the median of
// the rounds; ratios are of ours to another's in the same round, the median
// again: above 1 ours is faster. What did not run is null.
type trainingFigures struct {
	Ours      float64  `json:"samples_per_s"`
	Naive     float64  `json:"naive_samples_per_s"`
	Hand      float64  `json:"hand_samples_per_s"`
	HandGonum float64  `json:"hand_gonum_samples_per_s"`
	TFJS      *float64 `json:"tfjs_samples_per_s"`

	VsNaive     float64  `json:"vs_naive"`
	VsHand      float64  `json:"vs_hand"`
	VsHandGonum float64  `json:"vs_hand_gonum"`
	VsTFJS      *float64 `json:"vs_tfjs"`
}

// The network, its training, and the sizes at a scale of 1.
var (
	benchWidths  = origin.Widths
	benchBatches = []int{32, 256, 1024}
)

const (
	benchRows    = 4096
	benchDropped = 2 // hidden layers with dropout
	benchDropout = 0.2
	benchRate    = 1e-3
	benchRounds  = 7
	benchRound   = 500 * time.Millisecond // of each contender
	benchWarm    = 4 * time.Second        // of TensorFlow.js, which node compiles as it goes
)

// The contenders, in the order in which they take turns.
const (
	contendOurs = iota
	contendNaive
	contendHand
	contendHandGonum
	contendTFJS
	contenders
)

type benchNetwork struct {
	scale float64
	log   io.Writer
}

func newBenchNetworkCommand() *cobra.Command {
	b := benchNetwork{}
	return scaledBench(&cobra.Command{
		Use:   "network",
		Short: "measure the network's training and inference against others'",
		Long: `Trains the network 20→128→64→32→5 on rows that are made up, in batches of 32,
256 and 1024, with the loop that fairway train runs, with a Gorgonia program as its
README teaches, with backpropagation written out by hand (on the same matrix
products, and on gonum's), and with TensorFlow.js on its WebAssembly backend (one
thread; npm fetches it once; without node and npm it is left out). They take turns
within one run. Then measures inference, and prints one JSON line. Two or three
minutes on two cores.`,
	}, &b.scale, "the time that training is measured", func(cmd *cobra.Command) (any, error) {
		b.log = cmd.ErrOrStderr()
		return b.run(cmd.Context())
	})
}

func (b *benchNetwork) run(ctx context.Context) (f networkFigures, err error) {
	fmt.Fprintf(b.log, "training %v, %d processors\n", benchWidths, runtime.GOMAXPROCS(0))
	js, err := startTFJS(ctx, b.log)
	if err != nil {
		if ctx.Err() != nil {
			return f, ctx.Err()
		}
		f.TFJS = "not measured: " + err.Error()
	} else {
		f.TFJS = js.about
		defer func() { err = firstError(err, js.close()) }()
	}
	fmt.Fprintf(b.log, "TensorFlow.js: %s\n", f.TFJS)
	f.Training = map[string]trainingFigures{}
	for _, batch := range benchBatches {
		t, err := b.training(ctx, batch, js)
		if err != nil {
			return f, err
		}
		f.Training[strconv.Itoa(batch)] = t
	}
	f.Inference, err = benchInference(ctx, b.log)
	return f, err
}

// contender trains for about that long and returns its samples/s.
type contender func(length time.Duration) (float64, error)

// training measures one size of batch. js may be nil.
func (b *benchNetwork) training(ctx context.Context, batch int, js *tfjs) (f trainingFigures, err error) {
	all, end, err := benchContenders(ctx, batch)
	if err != nil {
		return f, err
	}
	defer func() { err = firstError(err, end()) }()
	if js != nil {
		all = append(all, func(length time.Duration) (float64, error) { return js.train(batch, length) })
		if _, err := js.train(batch, b.scaled(benchWarm)); err != nil {
			return f, err
		}
	}
	var rates, ratios [contenders][]float64
	for range max(1, int(b.scale*benchRounds)) {
		var own float64
		for i, c := range all {
			if err := ctx.Err(); err != nil {
				return f, err
			}
			rate, err := c(b.scaled(benchRound))
			if err != nil {
				return f, err
			}
			if i == contendOurs {
				own = rate
			}
			rates[i], ratios[i] = append(rates[i], rate), append(ratios[i], own/rate)
		}
	}
	f = trainingFigures{
		Ours: origin.Middle(rates[contendOurs]), Naive: origin.Middle(rates[contendNaive]), Hand: origin.Middle(rates[contendHand]), HandGonum: origin.Middle(rates[contendHandGonum]),
		VsNaive: origin.Middle(ratios[contendNaive]), VsHand: origin.Middle(ratios[contendHand]), VsHandGonum: origin.Middle(ratios[contendHandGonum]),
	}
	text := "not measured"
	if js != nil {
		rate, ratio := origin.Middle(rates[contendTFJS]), origin.Middle(ratios[contendTFJS])
		f.TFJS, f.VsTFJS = &rate, &ratio
		text = fmt.Sprintf("%.0f", rate)
	}
	fmt.Fprintf(b.log, "batch %d, samples/s: fairway %.0f, Gorgonia's README %.0f, by hand %.0f, by hand on gonum %.0f, TensorFlow.js %s\n",
		batch, f.Ours, f.Naive, f.Hand, f.HandGonum, text)
	return f, nil
}

func (b *benchNetwork) scaled(d time.Duration) time.Duration {
	return max(time.Millisecond, time.Duration(b.scale*float64(d)))
}

// benchContenders are those that run in this process, with the same network,
// rows, dropout, optimiser and rate.
func benchContenders(ctx context.Context, batch int) ([]contender, func() error, error) {
	cfg := train.DefaultConfig()
	cfg.Batch, cfg.Dropout, cfg.LearningRate = batch, benchDropout, benchRate
	ours, err := train.NewLoop(benchWidths, benchRows, cfg)
	if err != nil {
		return nil, nil, err
	}
	hand, err := train.NewLoopByHand(benchWidths, benchRows, cfg, train.BLAS())
	if err != nil {
		return nil, nil, err
	}
	handGonum, err := train.NewLoopByHand(benchWidths, benchRows, cfg, gonum.Implementation{})
	if err != nil {
		return nil, nil, err
	}
	program, err := naive.New(benchWidths, benchDropped, benchDropout, benchRate, batch)
	if err != nil {
		return nil, nil, err
	}
	x, target := ours.Rows()
	return []contender{
		contendOurs:      epochs(func() (float64, error) { return ours.Epoch(ctx) }),
		contendNaive:     epochs(func() (float64, error) { return program.Epoch(x, target) }),
		contendHand:      epochs(func() (float64, error) { return hand.Epoch(ctx) }),
		contendHandGonum: epochs(func() (float64, error) { return handGonum.Epoch(ctx) }),
	}, program.Close, nil
}

// epochs makes a contender of what goes once through the rows.
func epochs(once func() (loss float64, err error)) contender {
	return func(length time.Duration) (float64, error) {
		start := time.Now()
		for samples := benchRows; ; samples += benchRows {
			if _, err := once(); err != nil {
				return 0, err
			}
			if taken := time.Since(start); taken >= length {
				return float64(samples) / taken.Seconds(), nil
			}
		}
	}
}
