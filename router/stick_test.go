package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/rules"
)

// balanced are rules of checkout with that balance.
func balanced(t testing.TB, b rules.Balance, routes ...rules.Route) *rules.Set {
	t.Helper()
	s, err := rules.Compile(&rules.File{Services: []rules.Service{{Name: "checkout", Balance: b, Routes: routes}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var hashed = map[string]rules.Balance{
	"rendezvous": {Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "session"}}},
	"ring":       {Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "session"}}},
	"maglev":     {Algorithm: rules.Maglev, Table: 1009, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "session"}}},
}

func withCookie(i int) *mesh.Request {
	return &mesh.Request{Service: "checkout", Headers: map[string]string{"cookie": fmt.Sprint("a=b; session=user-", i)}}
}

// TestKeysStick: requests with the same cookie go to one endpoint, also while the
// weights swing; when it is ejected they move, no others do, and they come back after.
func TestKeysStick(t *testing.T) {
	for name, b := range hashed {
		t.Run(name, func(t *testing.T) {
			table := NewTable(balanced(t, b), DefaultConfig())
			publish := func(k int, weights ...float64) *Routes {
				f := frame(k, six()...)
				d := decide(t, RoundRobin(), f)
				copy(d.Weights, weights)
				d.Weights.Normalize()
				d.Ejected[2] = d.Weights[2] == 0
				table.Publish(&d, f)
				return table.Load("checkout")
			}
			const sessions = 5000
			places := func(r *Routes) []int {
				list := make([]int, sessions)
				for i := range list {
					list[i] = r.Decide(withCookie(i), uint64(i)).Endpoint
				}
				return list
			}
			moved := func(a, b []int) (n int) {
				for i := range a {
					if a[i] != b[i] && a[i] != 2 && b[i] != 2 {
						n++
					}
				}
				return n
			}
			first := places(publish(0, 1, 1, 1, 1, 1, 1))
			swung := places(publish(1, 1.1, 0.9, 1, 1.1, 0.95, 1))
			if n := moved(first, swung); name != "rendezvous" && n > sessions/100 {
				t.Errorf("%d of %d sessions moved as weights swung by a tenth", n, sessions)
			}
			during := places(publish(2, 1, 1, 0, 1, 1, 1))
			for i := range during {
				if during[i] == 2 {
					t.Fatal("a session at the ejected endpoint")
				}
			}
			if n := moved(first, during); n > 0 {
				t.Errorf("%d sessions of others moved with the ejection", n)
			}
			for i, at := range places(publish(3, 1, 1, 1, 1, 1, 1)) {
				if at != first[i] {
					t.Fatal("a session did not come back")
				}
			}
		})
	}
}

// TestKeysOfOneNotReady: when an endpoint is not ready, by what discovery says, its keys
// move, no others do, and they come back with it.
func TestKeysOfOneNotReady(t *testing.T) {
	for name, b := range hashed {
		table := NewTable(balanced(t, b), DefaultConfig())
		f := frame(0, six()...)
		d := decide(t, RoundRobin(), f)
		places := func(third discovery.State) (list []string) {
			var pods []discovery.Endpoint
			for i := range 6 {
				pods = append(pods, pod(fmt.Sprint("c", i+1), i+1, discovery.Ready))
			}
			pods[2].State = third
			table.Know(snapshot(kube("checkout", "default", pods...)))
			table.Publish(&d, f)
			r := table.Load("checkout")
			for i := range 5000 {
				list = append(list, r.Endpoints[r.Decide(withCookie(i), uint64(i)).Endpoint].Name)
			}
			return list
		}
		first, during, after := places(discovery.Ready), places(discovery.NotReady), places(discovery.Ready)
		for i, at := range first {
			if moved := during[i] != at; moved != (at == "c3") || during[i] == "c3" || after[i] != at {
				t.Fatalf("%s: key %d was at %s, then at %s, then at %s", name, i, at, during[i], after[i])
			}
		}
	}
}

// TestKeysAreHonest: what a request with a key is told is how often keys meet it; those
// without a key are drawn by weight, and a session key counts before the cookie.
func TestKeysAreHonest(t *testing.T) {
	for name, b := range hashed {
		_, r := published(t, "", learnt(t), six()...)
		table := NewTable(balanced(t, b), DefaultConfig())
		d := r.Decision
		copy(d.Weights, mesh.Weights{0.05, 0.05, 0.1, 0.1, 0.3, 0.4})
		table.Publish(d, r.Frame)
		r = table.Load("checkout")
		const n = 20_000
		counts, told := make([]float64, 6), make([]float64, 6)
		for i := range n {
			a := r.Decide(withCookie(i), 3)
			counts[a.Endpoint]++
			told[a.Endpoint] = a.Propensity
		}
		met := r.Weigh(withCookie(1)).Weights
		for i, c := range counts {
			near(t, name+": share of keys", c/n, told[i], 0.012)
			near(t, name+": weight", met[i], told[i], 1e-12)
		}
		plain := r.Decide(request("/"), 1<<63)
		near(t, name+": without a key", plain.Propensity, plain.Weights[plain.Endpoint], 0)
		q := withCookie(1)
		q.SessionKey = "user-2"
		if a, b := r.Decide(q, 1), r.Decide(withCookie(2), 9); a.Endpoint != b.Endpoint {
			t.Errorf("%s: the session key does not count before the cookie", name)
		}
		u := uint64(0)
		if got := testing.AllocsPerRun(1000, func() { u++; r.Decide(q, u) }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
		keyed := r.Decide(withCookie(1), 1)
		if name != "rendezvous" && (keyed.Place == plain.Place || keyed.Place >= r.Places()) {
			t.Errorf("%s: answers with other propensities have one place, %d", name, keyed.Place)
		}
	}
}

// TestKeysOnTrial: a session stays with one line and one endpoint, and its propensity is
// that over both lines.
func TestKeysOnTrial(t *testing.T) {
	set := balanced(t, hashed["ring"])
	table := NewTable(set, DefaultConfig())
	f := frame(0, six()...)
	d := decide(t, RoundRobin(), f)
	table.Publish(&d, f)
	table.Try(set, 0.3)
	copy(d.Weights, mesh.Weights{0.05, 0.05, 0.1, 0.1, 0.3, 0.4})
	table.PublishAll(nil, []Made{{&d, f}})
	r := table.Load("checkout")
	counts, told := make([]float64, 6), make([]float64, 6)
	const n = 20_000
	for i := range n {
		a := r.Decide(withCookie(i), uint64(i))
		if b := r.Decide(withCookie(i), 77); b.Endpoint != a.Endpoint || b.Line != a.Line {
			t.Fatal("a session moved")
		}
		counts[a.Endpoint]++
		told[a.Endpoint] = a.Propensity
	}
	met := r.Weigh(withCookie(1)).Weights
	for i, c := range counts {
		near(t, "share of keys", c/n, told[i], 0.012)
		near(t, "weight", met[i], told[i], 1e-12)
	}
}

// TestAdaptiveDoesNotFlap: a metric that swings about a threshold changes the algorithm
// once; one that goes well beyond it changes it back.
func TestAdaptiveDoesNotFlap(t *testing.T) {
	table := NewTable(balanced(t, rules.Balance{Algorithm: rules.Adaptive, SubsetSize: 7}), DefaultConfig())
	told := func(k int, rate, mean float64, inFlight ...float64) rules.Algorithm {
		list := six()
		for i := range list {
			list[i].rate, list[i].mean = rate/6, mean
			if len(inFlight) > 0 {
				list[i].inFlight = inFlight[i%len(inFlight)]
			}
		}
		f := frame(k, list...)
		d := decide(t, RoundRobin(), f)
		table.Publish(&d, f)
		b := table.Load("checkout").Answers()[0].Balance
		if b.SubsetSize != 7 {
			t.Errorf("the rest of the balance is lost: %+v", b)
		}
		return b.Algorithm
	}
	if got := table.Load("checkout").Answers()[0].Balance.Algorithm; got != rules.Weighted {
		t.Errorf("before any window %q", got)
	}
	r := rand.New(rand.NewPCG(1, 1))
	switches := func(metric string, ask func(k int, swing float64) rules.Algorithm, want rules.Algorithm) {
		last, n := ask(0, 0), 0
		for k := range 200 {
			if now := ask(k+1, 0.08*(2*r.Float64()-1)); now != last {
				last = now
				n++
			}
		}
		if n > 1 || last != want {
			t.Errorf("%s about its threshold: %d changes, to %q; want %q", metric, n, last, want)
		}
	}
	k := 0
	at := func(rate, mean float64, inFlight ...float64) rules.Algorithm {
		k++
		return told(k, rate, mean, inFlight...)
	}
	switches("rate", func(_ int, s float64) rules.Algorithm { return at(1000*(1+s), 0.02) }, rules.RoundRobin)
	switches("latency", func(_ int, s float64) rules.Algorithm { return at(2000, 0.1*(1+s)) }, rules.RoundRobin)
	if got := at(850, 0.02); got != rules.Weighted {
		t.Errorf("at 850/s %q", got)
	}
	switches("low rate", func(_ int, s float64) rules.Algorithm { return at(100*(1+s), 0.02, 0, 5) }, rules.LeastRequest)
	// Of a share x and 2−x of the connections the variance is (1−x)² of the mean's square.
	switches("connections", func(_ int, s float64) rules.Algorithm {
		x := math.Sqrt(0.5 * (1 + s))
		return at(50, 0.02, 1-x, 1+x)
	}, rules.LeastRequest)
	if got := at(50, 0.02, 1, 1); got != rules.Weighted {
		t.Errorf("with even connections %q", got)
	}
}

// TestAdaptivePolicyRemembers: the policy of that name does not flap either.
func TestAdaptivePolicyRemembers(t *testing.T) {
	p, changes, last := Adaptive(), 0, ""
	for k := range 100 {
		list := six()
		for i := range list {
			list[i].rate = 1000.0/6 + []float64{5, -5}[k%2]
		}
		d := decide(t, p, frame(k, list...))
		if now := d.Notes[0]; now != last {
			last = now
			changes++
		}
	}
	if changes != 1 || last != "algorithm: round_robin" {
		t.Errorf("%d changes, to %q", changes, last)
	}
}
