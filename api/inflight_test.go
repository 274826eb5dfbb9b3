package api

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestInFlight: the newest of each teller is summed, until it leaves or a count
// is too old; a teller that never told anything above 0 does not count.
func TestInFlight(t *testing.T) {
	b, at := newInFlight(), place{"shop", "a"}
	now := time.Unix(1000, 0)
	sum := func(want int64, known bool) {
		t.Helper()
		if n, _, ok := b.sum(at, now); n != want || ok != known {
			t.Errorf("sum %d, known %v; want %d, %v", n, ok, want, known)
		}
	}
	one, two, mute := b.teller("", now), b.teller("", now), b.teller("", now)
	if b.tell(mute, at, 0, now) {
		t.Error("a teller that only says 0 counts")
	}
	sum(0, false)
	b.tell(one, at, 5, now)
	b.tell(one, at, 3, now)
	b.tell(two, at, 4, now)
	sum(7, true)
	b.leave(one)
	b.leave(one)
	sum(4, true)
	b.tell(one, at, 2, now)
	now = now.Add(maturity - time.Second)
	b.tell(two, at, 0, now)
	sum(2, true)
	now = now.Add(2 * time.Second)
	sum(0, true) // one is too old, two said 0
	now = now.Add(maturity)
	sum(0, false)
	if len(b.places) != 0 {
		t.Errorf("%d places are kept", len(b.places))
	}
}

// TestNamedTeller: calls of one name are one teller, which outlives them for a
// while.
func TestNamedTeller(t *testing.T) {
	b, at := newInFlight(), place{"shop", "a"}
	now := time.Unix(1000, 0)
	for _, n := range []int64{5, 2} {
		teller := b.teller("nginx", now)
		b.tell(teller, at, n, now)
		b.leave(teller)
	}
	if n, _, _ := b.sum(at, now); n != 2 {
		t.Errorf("sum %d; want the last, 2", n)
	}
	now = now.Add(maturity + 2*time.Second)
	if _, _, known := b.sum(at, now); known || len(b.named) != 0 {
		t.Errorf("known %v, %d names after a long silence", known, len(b.named))
	}
	for range maxNamed + 5 {
		b.teller(now.String()+string(rune(len(b.named))), now)
	}
	if len(b.named) > maxNamed {
		t.Errorf("%d names", len(b.named))
	}
}

// TestReported: nothing of a report is lost on the way to the journal.
func TestReported(t *testing.T) {
	now := time.Unix(1000, 0).UTC()
	r := &fairwayv1.OutcomeReport{
		Service: "shop", Endpoint: "a", Latency: durationpb.New(time.Millisecond), Deadline: durationpb.New(time.Second), Status: 200, InFlight: 3,
		TableVersion: 7, Propensity: 0.25, Class: "gold", Time: timestamppb.New(now.Add(-time.Second)), Method: "GET", Path: "/a", Route: "split", ModelVersion: "m@1",
	}
	e := reported(r, true, now, "spiffe://x/a")
	if e.Service != "shop" || e.Endpoint != "a" || e.Latency != time.Millisecond || e.Deadline != time.Second || e.Status != 200 || e.InFlight != 3 ||
		e.Table != 7 || e.Propensity != 0.25 || e.Class != "gold" || !e.Time.Equal(now.Add(-time.Second)) || e.Method != "GET" || e.Path != "/a" ||
		e.Route != "split" || e.Model != "m@1" || e.By != "spiffe://x/a" {
		t.Errorf("%+v", e)
	}
	r.Time = nil
	if e := reported(r, false, now, ""); e.InFlight != -1 || !e.Time.Equal(now) {
		t.Errorf("%+v", e)
	}
}

// TestReportText: the codec does not look at strings.
func TestReportText(t *testing.T) {
	cfg := DefaultConfig()
	if why := cfg.refuse(&fairwayv1.OutcomeReport{Path: "/\xff"}, time.Unix(1000, 0)); why != reportText {
		t.Errorf("refused as %q; want %q", why, reportText)
	}
}

// FuzzReport: whatever a report says, it is refused for a reason of the list or
// becomes an entry that is within bounds.
func FuzzReport(f *testing.F) {
	now := time.Unix(1e9, 0)
	for _, r := range []*fairwayv1.OutcomeReport{
		{}, {Service: "shop", Endpoint: "a", Latency: durationpb.New(time.Second), Propensity: 0.5, Time: timestamppb.New(now), Status: 200},
		{Latency: &durationpb.Duration{Seconds: -1 << 63, Nanos: 1}, Time: &timestamppb.Timestamp{Seconds: 1 << 62, Nanos: -1 << 31}}, {InFlight: -1 << 31, Status: 1 << 30, Path: "\x80"},
	} {
		text, err := fairwayv1.Codec{}.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text.Materialize())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &fairwayv1.OutcomeReport{}
		if err := (fairwayv1.Codec{}).Unmarshal(mem.BufferSlice{mem.SliceBuffer(text)}, r); err != nil {
			t.Skip()
		}
		cfg := DefaultConfig()
		if why := cfg.refuse(r, now); why != "" {
			return
		}
		e := reported(r, true, now, "")
		if since := now.Sub(e.Time); since < -maxEarly || since > maxLate || e.Latency < 0 || e.Latency > maxLatency || e.Deadline < 0 ||
			!(e.Propensity >= 0 && e.Propensity <= 1) || e.Status < 0 || e.Status > 599 || e.InFlight < 0 || !utf8.ValidString(e.Path+e.Class+e.Method+e.Route+e.Model) {
			t.Errorf("%v becomes %+v", r, e)
		}
	})
}

// BenchmarkReport is what one report costs beside the reading of it.
func BenchmarkReport(b *testing.B) {
	file, err := rules.Parse("test.yaml", []byte("services: [{name: shop, endpoints: [{name: a}, {name: b}]}]"))
	if err != nil {
		b.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(router.NewTable(set, router.DefaultConfig()), NewMetrics(prometheus.NewRegistry(), time.Now), DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	t := s.inFlight.teller("", time.Now())
	r := &fairwayv1.OutcomeReport{Service: "shop", Endpoint: "a", Latency: durationpb.New(time.Millisecond), Status: 200, InFlight: 3, Time: timestamppb.Now(), Method: "GET", Path: "/a"}
	b.ReportAllocs()
	for b.Loop() {
		if !s.report(r, t, "") {
			b.Fatal("refused")
		}
	}
}
