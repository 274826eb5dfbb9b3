package guard_test

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// heard is what one caller is answered, byte by byte, and refusals, whose details are
// a map in any order.
func (s *service) heard(t *testing.T) (all [][]byte) {
	t.Helper()
	c := fairwayv1.NewRouterClient(s.as(t, "/a"))
	hear := func(m proto.Message, err error) {
		if err != nil {
			all = append(all, []byte(err.Error()+" "+reason(err)))
			return
		}
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	watch, err := c.Watch(within(t), &fairwayv1.WatchRequest{Services: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	weights, err := watch.Recv()
	hear(weights, err)
	route, err := c.Route(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		route.Send(&fairwayv1.DecideRequest{Service: "shop"}) // Recv says what is wrong
		hear(route.Recv())
	}
	batch, err := c.DecideBatch(within(t), &fairwayv1.DecideBatchRequest{Requests: []*fairwayv1.DecideRequest{{Service: "shop"}, {Service: "cart"}}})
	hear(batch, err)
	forecast, err := c.Forecast(within(t), &fairwayv1.ForecastRequest{Services: []string{"shop"}})
	hear(forecast, err)
	explained, err := c.Explain(within(t), &fairwayv1.DecideRequest{Service: "shop"})
	hear(explained, err)
	for range 20 { // more than the limit
		d, err := c.Decide(within(t), &fairwayv1.DecideRequest{Service: "shop", WantWeights: true})
		hear(d, err)
	}
	return all
}

// TestDryRunAnswersAlike: what a caller is answered in a dry run is what it is
// answered where nobody is judged, byte by byte, whatever its level, whatever would
// become of it, and while nobody can be judged.
func TestDryRunAnswersAlike(t *testing.T) {
	play := func(mode string, level threat.Level, onHigh string) [][]byte {
		access := threats(mode, func(s *threat.Settings) {
			s.OnHigh, s.OnFailure, s.ShortLived = onHigh, threat.Closed, time.Hour
			if level > threat.Low {
				s.Overrides = []threat.Override{{Identity: "*", Level: level, Why: "a test"}}
			}
		})
		access.Limits.Rate = 20
		s := start(t, access, true)
		for _, at := range []time.Duration{0, -time.Hour} { // the clock goes backwards
			for range 10 {
				s.guard.Tick(noon.Add(at))
			}
		}
		return s.heard(t)
	}
	want := play(threat.Off, threat.Low, threat.Refuse)
	for _, level := range []threat.Level{threat.Low, threat.Medium, threat.High} {
		for _, onHigh := range []string{threat.Refuse, threat.Quarantine} {
			got := play(threat.DryRun, level, onHigh)
			if len(got) != len(want) {
				t.Fatalf("%v: %d answers, want %d", level, len(got), len(want))
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%v, %s: answer %d is %q in a dry run, %q without", level, onHigh, i, got[i], want[i])
				}
			}
		}
	}
	if got := play(threat.Enforce, threat.High, threat.Refuse); bytes.Equal(got[0], want[0]) || bytes.Equal(got[len(got)-1], want[len(want)-1]) {
		t.Error("enforced it is the same, so that nothing is shown")
	}
}
