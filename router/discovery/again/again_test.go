package again_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
	"github.com/fairway-mesh/fairway/router/discovery/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// of is a service whose endpoint says which it is.
func of(name, endpoint string) *discovery.Service {
	return &discovery.Service{Name: name, Time: time.Now(), Endpoints: []discovery.Endpoint{{Endpoint: mesh.Endpoint{Name: endpoint}, Names: []string{"x"}, Labels: map[string]string{"a": "b"}}}}
}

func staleOf(name string) *discovery.Service {
	s := of(name, "old")
	s.Stale = true
	return s
}

func TestTeller(t *testing.T) {
	away, further := errors.New("away"), errors.New("further away")
	sink := sinktest.New()
	teller := again.NewTeller(sink)
	heard := 0
	for i, step := range []struct {
		all     []*discovery.Service
		trouble error
		want    []string
	}{
		{[]*discovery.Service{of("a", "1")}, again.ErrUnfinished, []string{"put a"}},
		{[]*discovery.Service{of("a", "1"), of("b", "1")}, again.ErrUnfinished, []string{"put b"}},
		{[]*discovery.Service{of("a", "1"), of("b", "1")}, nil, []string{"synced"}},
		{[]*discovery.Service{of("a", "1"), of("b", "1")}, nil, nil}, // later, and the same
		{[]*discovery.Service{of("a", "2"), of("b", "1")}, nil, []string{"put a"}},
		{[]*discovery.Service{of("a", "2"), staleOf("b")}, away, []string{"trouble: away", "put a"}},
		{[]*discovery.Service{of("a", "2"), staleOf("b")}, away, nil},
		{[]*discovery.Service{of("a", "3"), staleOf("b")}, away, []string{"put a"}},
		{[]*discovery.Service{of("a", "3"), of("b", "1")}, away, []string{"put b"}},                  // confirmed in the trouble
		{[]*discovery.Service{staleOf("a"), of("b", "1")}, away, []string{"trouble: away", "put b"}}, // and another not
		{[]*discovery.Service{staleOf("a")}, further, []string{"trouble: further away", "delete b"}},
		{[]*discovery.Service{of("a", "3")}, nil, []string{"trouble over"}},
		{nil, nil, []string{"delete a"}},
	} {
		teller.Tell(step.all, step.trouble)
		words := sink.State().Words
		if got := words[heard:]; !slices.Equal(got, step.want) {
			t.Errorf("step %d: %q; want %q", i, got, step.want)
		}
		heard = len(words)
	}
}

func TestTellerUnreachable(t *testing.T) {
	sink := sinktest.New()
	teller := again.NewTeller(sink)
	teller.Tell([]*discovery.Service{of("a", "1")}, nil)
	teller.Unreachable(errors.New("away"))
	teller.Unreachable(errors.New("away"))
	teller.Tell([]*discovery.Service{of("a", "1"), staleOf("new")}, nil)
	if got := sink.State().Words; !slices.Equal(got, []string{"put a", "synced", "trouble: away", "put new", "trouble over"}) {
		t.Errorf("%q", got)
	}
}

// What a sink does to a service does not come back to the source.
func TestTellerGivesAway(t *testing.T) {
	sink := sinktest.New()
	teller := again.NewTeller(sink)
	mine := of("a", "1")
	teller.Tell([]*discovery.Service{mine}, nil)
	theirs := sink.State().Services["a"]
	theirs.Endpoints[0].Name, theirs.Endpoints[0].Names[0], theirs.Endpoints[0].Labels["a"] = "changed", "changed", "changed"
	if e := mine.Endpoints[0]; e.Name != "1" || e.Names[0] != "x" || e.Labels["a"] != "b" {
		t.Errorf("%+v", e)
	}
}

func TestPauses(t *testing.T) {
	p, same := again.NewPauses(time.Second, 10*time.Second, 7), again.NewPauses(time.Second, 10*time.Second, 7)
	for round := range 2 {
		for i, most := range []time.Duration{1, 2, 4, 8, 10, 10} {
			most *= time.Second
			d := p.Next()
			if d < most/2 || d > most || d != same.Next() {
				t.Errorf("round %d, pause %d is %s; want %s to %s, the same for the same seed", round, i, d, most/2, most)
			}
		}
		p.Over()
		same.Over()
	}
	if d := p.Jittered(0); d != 0 {
		t.Errorf("of nothing %s", d)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !again.Sleep(t.Context(), time.Hour) || time.Since(start) != time.Hour {
			t.Errorf("slept %s", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		if again.Sleep(ctx, time.Hour) || time.Since(start) != time.Minute {
			t.Errorf("slept %s", time.Since(start))
		}
	})
}

func TestJoined(t *testing.T) {
	if again.Joined(nil) != nil {
		t.Error("nothing is an error")
	}
	var errs []error
	for i := range 20 {
		errs = append(errs, fmt.Errorf("e%d", i/2))
	}
	if got := again.Joined(errs).Error(); got != "e0\ne1\ne2\ne3\ne4\nand 5 more" {
		t.Errorf("%q", got)
	}
	if one := errors.New("one"); !errors.Is(again.Joined([]error{one, one}), one) || again.Joined([]error{one, one}).Error() != "one" {
		t.Error("one twice")
	}
}
