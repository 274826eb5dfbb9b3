package router

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestVersionsAndChanges(t *testing.T) {
	table := NewTable(ruleSet(t, reviews), DefaultConfig())
	if table.Version() != 1 {
		t.Fatalf("version %d", table.Version())
	}
	before, changed := table.Load("checkout"), table.Changed()
	select {
	case <-changed:
		t.Fatal("changed before a change")
	default:
	}
	f := frame(0, three()...)
	d := decide(t, RoundRobin(), f)
	table.Publish(&d, f)
	<-changed
	d.Weights[0], f.Endpoints[0].Name = 99, "x" // the table has its own copy
	after := table.Load("checkout")
	if after.Version != 2 || table.Version() != 2 || before.Version != 1 || after.Decision.Weights[0] == 99 || after.Frame.Endpoints[0].Name != "a1" {
		t.Errorf("versions %d, %d, %d", before.Version, after.Version, table.Version())
	}
	changed = table.Changed()
	table.SetRules(nil)
	<-changed
	if got := table.Load("checkout").Decide(request("/", "end-user", "jason"), 0); got.Route != "default" || got.Policy != "round_robin" || got.RulesVersion != "" {
		t.Errorf("without rules: %+v", got)
	}
	var routes []string
	table.SetRules(ruleSet(t, reviews))
	for _, a := range table.Load("checkout").Answers() {
		routes = append(routes, a.Route)
	}
	if diff := cmp.Diff([]string{"jason", "fast", "auto", "split", "default"}, routes); diff != "" {
		t.Error(diff)
	}
}

// TestReadersSeeWholeEditions decides while others publish; run it with -race.
func TestReadersSeeWholeEditions(t *testing.T) {
	table := NewTable(ruleSet(t, reviews), DefaultConfig())
	var readers sync.WaitGroup
	for seed := range uint64(3) {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 3000 {
				routes := table.Load("checkout")
				a := routes.Decide(request("/split"), r.Uint64())
				if a.TableVersion != routes.Version || a.Endpoint < 0 || len(a.Weights) != len(routes.Endpoints) {
					t.Errorf("half an edition: %+v", a)
					return
				}
			}
		})
	}
	for k := range 200 {
		f := frame(k, three()...)
		d := decide(t, RoundRobin(), f)
		table.Publish(&d, f)
	}
	readers.Wait()
}

func TestDecideDoesNotAllocate(t *testing.T) {
	table, _ := published(t, reviews, learnt(t), three()...)
	sticky := request("/auto")
	sticky.SessionKey = "user-1"
	u := uint64(0)
	for _, q := range []*mesh.Request{request("/split"), request("/other"), request("/", "end-user", "jason"), sticky} {
		if n := testing.AllocsPerRun(1000, func() {
			u += 0x9e3779b97f4a7c15
			if table.Load(q.Service).Decide(q, u).Endpoint < 0 {
				t.Fatal("no endpoint")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per decision; want 0", q.Path, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	table, _ := published(b, reviews, learnt(b), three()...)
	sticky := request("/split")
	sticky.SessionKey = "user-1"
	for name, q := range map[string]*mesh.Request{"split": request("/split"), "session": sticky} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			u := uint64(0)
			for b.Loop() {
				u += 0x9e3779b97f4a7c15
				table.Load("checkout").Decide(q, u)
			}
		})
	}
}

func BenchmarkPublish(b *testing.B) {
	table, _ := published(b, reviews, learnt(b), three()...)
	f := frame(1, three()...)
	d := decide(b, learnt(b), f)
	b.ReportAllocs()
	for b.Loop() {
		table.Publish(&d, f)
	}
}
