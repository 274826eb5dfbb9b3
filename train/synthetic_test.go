package train

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

var epoch = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// world is a made-up mesh whose physics are known: each endpoint answers in
// base / (1 − ρ), and fails more beyond ρ = 0.9.
type world struct {
	service   string
	endpoints int
	moments   int
	seed      uint64
	fixed     bool // shares that never vary
	failures  bool // endpoints that break down, with a growing queue before
}

const (
	worldCapacity = 100.0 // requests/s
	worldBase     = 0.02  // s
)

func worldLatency(load float64) float64 { return worldBase / (1 - math.Min(load, 0.93)) }

func worldErrors(load float64) float64 { return math.Min(0.002+math.Max(0, load-0.9), 0.5) }

// set plays the world. A tenth of an endpoint's latency is noise; reference,
// capacity and load are what features would estimate.
func (w world) set() *Set {
	random := rand.New(rand.NewPCG(w.seed, 77))
	columns := []string{}
	for _, c := range features.Columns() {
		columns = append(columns, c.Name)
	}
	set := &Set{Columns: columns, Timing: mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Delay: 2 * time.Second, Horizon: 30 * time.Second},
		Schema: mesh.Schema{Name: "made up", Series: []mesh.Series{{Name: mesh.RequestRate, Query: "r"}}}}
	at := func(k int) time.Time { return epoch.Add(time.Duration(k) * set.Timing.Step) }
	h := History{Provenance: model.Provenance{Path: "made up", Services: []string{w.service}, Start: epoch, End: at(w.moments), SHA256: "0000000000000000000000000000000000000000000000000000000000000000"}}
	third := w.moments * 6 / 10
	purge := int(set.Timing.Purge()/set.Timing.Step) + 1
	h.Split = datasets.Split{Start: epoch, TrainEnd: at(third), ValidationStart: at(third + purge), ValidationEnd: at(w.moments * 8 / 10), TestStart: at(w.moments*8/10 + purge), End: at(w.moments)}
	speed := make([]float64, w.endpoints)
	for i := range speed {
		speed[i] = 1 + 0.5*float64(i)/float64(max(1, w.endpoints-1))
	}
	ill := make([]int, w.endpoints) // windows until the failure ends, counted down from 12; broken below 5
	load := w.loads(random)
	for k := range w.moments {
		m := Moment{Service: w.service, Time: at(k)}
		for i := range w.endpoints {
			if w.failures && ill[i] == 0 && random.Float64() < 0.006 {
				ill[i] = 12
			}
			now, next := load[k][i], load[k+1][i]
			queue := 0.0
			if ill[i] > 0 {
				queue = float64(13-ill[i]) / 8
				ill[i]--
			}
			broken := ill[i] > 0 && ill[i] < 5
			noise := func() float64 { return math.Exp(0.1 * random.NormFloat64()) }
			seen := func(load float64) Seen {
				s := Seen{Rate: load * worldCapacity, Mean: worldLatency(load) * speed[i] * noise(), ErrorRatio: worldErrors(load), Up: 1}
				s.Requests = s.Rate * 10
				s.P50, s.P90, s.P99 = s.Mean*0.7, s.Mean*2.3, s.Mean*4.6
				if broken {
					s.ErrorRatio = 0.6
				}
				return s
			}
			q := features.Queue{Capacity: worldCapacity, Concurrency: worldBase * worldCapacity, Horizon: 10, Stretch: 1}
			reference := worldLatency(now) * speed[i]
			excess := math.Log(reference / q.Mean(now*worldCapacity))
			s, after := seen(now), seen(next)
			after.Requests *= 3
			x := map[string]float64{
				"log_request_rate": math.Log1p(s.Rate), "share": 1 / float64(w.endpoints), "error_ratio": s.ErrorRatio, "log_latency_mean": math.Log(s.Mean),
				"log_latency_p50": math.Log(s.P50), "log_latency_p90": math.Log(s.P90), "log_latency_p99": math.Log(s.P99),
				"log_in_flight": math.Log1p(s.Rate * s.Mean), "utilization": now, "latency_ref_seconds": reference, "capacity_rps": worldCapacity,
				"load_now": now, "candidate_load": now, "queue_ratio": queue + 0.1*random.NormFloat64(), "latency_trend": 0.1 * random.NormFloat64(),
				"latency_vs_peers": math.Log(speed[i]), "metrics_age": 2 + random.Float64(), "up": 1, "anomaly_score": 0.2 * random.Float64(),
				"log_service_rate": math.Log1p(s.Rate * float64(w.endpoints)), "error_trend": 0.01 * random.NormFloat64(), "error_recent": s.ErrorRatio,
				"service_seconds": worldBase, "log_span": math.Log(10 / worldBase), "log_excess": excess, "latency_vs_queue": excess,
				"log_requests": math.Log1p(s.Requests), "log_concurrency": math.Log(q.Concurrency),
			}
			for _, name := range columns {
				v, ok := x[name]
				if !ok {
					v = 0
				}
				m.X = append(m.X, float32(v))
			}
			m.Endpoints = append(m.Endpoints, string(rune('a'+i)))
			m.Now, m.After = append(m.Now, s), append(m.After, after)
		}
		h.Moments = append(h.Moments, m)
	}
	set.Histories = []History{h}
	return set
}

// loads draws, for every moment and one more, each endpoint's ρ.
func (w world) loads(random *rand.Rand) [][]float64 {
	list := make([][]float64, w.moments+1)
	total := 0.45
	for k := range list {
		total = math.Min(math.Max(total+0.03*random.NormFloat64(), 0.3), 0.6)
		list[k] = make([]float64, w.endpoints)
		for i := range list[k] {
			list[k][i] = total
			if !w.fixed {
				list[k][i] = total * (0.3 + 1.2*random.Float64())
			}
		}
	}
	return list
}

func quick() Config {
	cfg := DefaultConfig()
	cfg.Epochs, cfg.Patience, cfg.Members = 40, 10, 1
	cfg.Created = epoch
	return cfg
}
