package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/mesh"
)

var nan = math.NaN()

func TestWindowHoldsWhatWasSeen(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a",version="v1"} 0+50x12
		requests_total{app="cart",pod="b",version="v2"} 0+20x12
		errors_total{app="cart",pod="a"} 0+5x12
		errors_total{app="cart",pod="b"} 0+0x12
		memory_bytes{app="cart",pod="a",zone="z1"} 100+1x12
		up{app="cart",pod="a",job="x"} 1x12
		up{app="cart",pod="b",job="x"} 1x12`)
	s := shop(t)
	w := only(t, d, s, 60)
	if got, want := w.Endpoints, []mesh.Endpoint{{Name: "a", Subset: "v1", Zone: "z1"}, {Name: "b", Subset: "v2"}}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if got, want := [3]time.Time{w.Start, w.End, w.Time}, [3]time.Time{at(20).Start, at(50).Start, at(60).Start}; got != want {
		t.Errorf("start, end and time are %v, want %v", got, want)
	}
	want := []float64{
		5, 0.1, 105, 1, 10, // the newest sample is of End, and Time is 10 s later
		2, 0, nan, 1, nan,
	}
	if diff := cmp.Diff(want, w.Values, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{150, 60}, w.Requests, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
}

func TestZeroTrafficIsUnknownNotGood(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 7x12
		errors_total{app="cart",pod="a"} 0x12`)
	w := only(t, d, shop(t), 60)
	near(t, "request rate", w.At(0, mesh.RequestRate), 0)
	near(t, "error ratio", w.At(0, mesh.ErrorRatio), nan)
	near(t, "requests", w.Requests[0], 0)
}

func TestValuesThatAreNotNumbers(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x12
		memory_bytes{app="cart",pod="a"} 1 1 1 1 1 NaN Inf -Inf 1 1 1 1 1`)
	s := shop(t)
	for seconds, want := range map[int]float64{50: 1, 60: nan, 70: nan, 80: nan, 90: 1} {
		w := only(t, d, s, seconds)
		near(t, fmt.Sprintf("memory at %d s", seconds), w.At(0, mesh.Memory), want)
		near(t, "rate beside it", w.At(0, mesh.RequestRate), 5)
	}
}

func TestCounterResetIsNoNegativeRate(t *testing.T) {
	d := situation(t, `requests_total{app="cart",pod="a"} 0+50x6 10 60 110 160 210`)
	for _, w := range gather(t, d, shop(t), span10(40, 120)) {
		if rate := w.At(0, mesh.RequestRate); rate < 1 || rate > 5 {
			t.Errorf("rate %v at %s", rate, w.Time)
		}
	}
}

func TestEndpointsThatComeAndGo(t *testing.T) {
	// Scrapes: a always; b vanishes after 60 s; c appears at 80 s.
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x30
		requests_total{app="cart",pod="b"} 0+50x6
		requests_total{app="cart",pod="c"} _x8 0+50x22
		up{app="cart",pod="a"} 1x30
		up{app="cart",pod="b"} 1x6
		up{app="cart",pod="c"} _x8 1x22`)
	s := shop(t)
	names := map[int]string{}
	values := map[string]float64{}
	for _, w := range gather(t, d, s, span10(40, 200)) {
		seconds := int(w.Time.Sub(dawn).Seconds())
		for i, e := range w.Endpoints {
			names[seconds] += e.Name
			values[fmt.Sprint(e.Name, " rate ", seconds)] = w.At(i, mesh.RequestRate)
			values[fmt.Sprint(e.Name, " up ", seconds)] = w.At(i, mesh.Up)
		}
	}
	for seconds, want := range map[int]string{40: "ab", 80: "ab", 90: "abc", 110: "abc", 120: "abc", 130: "ac", 200: "ac"} {
		if names[seconds] != want {
			t.Errorf("at %d s the endpoints are %q, want %q", seconds, names[seconds], want)
		}
	}
	for key, want := range map[string]float64{
		"b up 70": 1, "b up 90": 1, // the window ends 10 s earlier, and one scrape may be missed
		"b up 100": 0, "b rate 100": nan, "b up 120": 0, "b rate 120": nan,
		"c up 90": 1, "c rate 90": nan, "c rate 120": 5, "a rate 200": 5, "a up 200": 1,
	} {
		near(t, key, values[key], want)
	}
}

// TestIdleEndpointThatNeverComesBackIsForgotten: b was idle, and may have been
// left out of the metrics for that.
func TestIdleEndpointThatNeverComesBackIsForgotten(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x800
		requests_total{app="cart",pod="b"} 70x6`)
	for _, w := range gather(t, d, shop(t), span10(40, 8000)) {
		last := 60*time.Second + 20*time.Second + shopTiming.Delay
		if gone := w.Time.Sub(dawn) > last+forgotten; gone == (w.Find("b") >= 0) && w.Time.Sub(dawn) != last+forgotten {
			t.Fatalf("%s after dawn b is among the endpoints: %v", w.Time.Sub(dawn), !gone)
		}
	}
}

// TestEndpointThatIsNoTargetHasLeft: nobody scrapes b any more, not even in vain.
func TestEndpointThatIsNoTargetHasLeft(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x100
		requests_total{app="cart",pod="b"} 0+50x6
		up{app="cart",pod="a"} 1x100
		up{app="cart",pod="b"} 1x6`)
	for _, w := range gather(t, d, shop(t), span10(40, 1000)) {
		last := 60*time.Second + 20*time.Second + shopTiming.Delay
		if gone := w.Time.Sub(dawn) > last+left(shopTiming); gone == (w.Find("b") >= 0) {
			t.Fatalf("%s after dawn b is among the endpoints: %v", w.Time.Sub(dawn), !gone)
		}
	}
}

func TestDownIsNotGone(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x6
		up{app="cart",pod="a"} 1x6 0x600`)
	w := gather(t, d, shop(t), span10(40, 6000))
	last := w[len(w)-1]
	if last.Find("a") != 0 || last.At(0, mesh.Up) != 0 {
		t.Errorf("an endpoint that is scraped in vain: %+v", last)
	}
}

func TestServicesComeInOrder(t *testing.T) {
	d := situation(t, `
		requests_total{app="shop",pod="s"} 0+50x30
		requests_total{app="cart",pod="c"} 0+50x30
		requests_total{app="ads",pod="a"} _x10 0+50x20
		requests_total{pod="of no service"} 0+50x30`)
	var got []string
	for _, w := range gather(t, d, shop(t), span10(110, 130)) {
		got = append(got, fmt.Sprintf("%s %v", w.Service, w.Time.Sub(dawn).Seconds()))
	}
	want := []string{"cart 110", "shop 110", "ads 120", "cart 120", "shop 120", "ads 130", "cart 130", "shop 130"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A decision must not know what comes after it: cutting the history at the
// window's end changes nothing.
func TestNothingIsKnownBeforehand(t *testing.T) {
	full := `
		requests_total{app="cart",pod="a"} 0+50x10 20+10x20
		errors_total{app="cart",pod="a"} 0+1x10 0+7x20
		memory_bytes{app="cart",pod="a"} 0+10x30
		up{app="cart",pod="a"} 1x10 0x5 1x15
		requests_total{app="cart",pod="b"} 0+50x8 _x8 0+50x10`
	s := shop(t)
	all := gather(t, situation(t, full), s, span10(40, 280))
	for seconds := 60; seconds <= 280; seconds += 20 {
		d := situation(t, full)
		m := d.history.(*memory)
		edge := at(seconds).Start.Add(-shopTiming.Delay).UnixMilli()
		for _, x := range m.series {
			x.replace(slices.DeleteFunc(x.points(), func(p point) bool { return p.t > edge }))
		}
		cut := gather(t, d, s, span10(40, seconds))
		if diff := cmp.Diff(all[:len(cut)], cut, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("cut at %d s: %s", seconds, diff)
		}
	}
}

// The slices in which a history is evaluated must not show, and a history and
// a live source answer alike.
func TestPollSeesWhatWindowsSaw(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x700
		requests_total{app="cart",pod="b"} 0+50x200 _x90 0+9x300
		requests_total{app="cart",pod="c"} _x300 0+5x100
		up{app="cart",pod="a"} 1x300 0x10 1x300
		up{app="cart",pod="b"} 1x200
		memory_bytes{app="cart",pod="c",zone="z"} 5x700`)
	s := shop(t)
	q := span10(40, 6900)
	want := gather(t, d, s, q)
	ticks := make(chan time.Time, 1000)
	for at := q.Start; !at.After(q.End); at = at.Add(q.Step) {
		ticks <- at
	}
	close(ticks)
	var got []mesh.Window
	for w, err := range Poll(t.Context(), d, s, q.Timing, ticks) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, w)
	}
	if len(want) != steps(q.Start, q.End, q.Step) {
		t.Errorf("%d windows", len(want))
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestEndpointDeployedAnew(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a",version="v1"} 0+50x8
		requests_total{app="cart",pod="a",version="v2"} _x8 0+20x8`)
	w := gather(t, d, shop(t), span10(40, 150))
	near(t, "rate of the old", w[0].At(0, mesh.RequestRate), 5)
	near(t, "rate of the new", w[len(w)-1].At(0, mesh.RequestRate), 2)
	if w[len(w)-1].Endpoints[0].Subset != "v2" {
		t.Errorf("subset %q", w[len(w)-1].Endpoints[0].Subset)
	}
}

func TestQueriesThatDoNotFit(t *testing.T) {
	const text = `
name: odd
labels: {service: app, endpoint: pod}
step: 10s
range: 30s
series:
  - {name: request_rate, query: '%s'}
`
	d := situation(t, `
		requests_total{app="cart",pod="a",code="200"} 0+50x8
		requests_total{app="cart",pod="a",code="500"} 0+50x8`)
	for query, want := range map[string]string{
		"rate(requests_total[$range])":                                                 `two results for endpoint a of service cart at once`,
		"sum by (app) (rate(requests_total[30s]))":                                     `no result has both labels app and pod`,
		`rate(requests_total{code="404"}[$range])`:                                     `its queries find nothing between`,
		`rate(requests_total{code="404"}[$range]) / sum by (app, pod) (seconds_total)`: `, and it asks for metrics that do not exist: seconds_total; give another schema`,
		"rate(request_total[$range])": `schema odd does not fit: none of its metrics exists
  request_rate asks for request_total, which does not exist; there is requests_total`,
		`max by (app, pod) (requests_total) * on (app, pod) group_left requests_total`: `query "max by`,
	} {
		s, err := ParseSchema("odd.yaml", fmt.Appendf(nil, text, query))
		if err != nil {
			t.Fatal(err)
		}
		err = nil
		for _, e := range Windows(t.Context(), d, s, span10(40, 80)) {
			err = errors.Join(err, e)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", query, err, want)
		}
	}
}

func TestImpossibleQueries(t *testing.T) {
	d := situation(t, `requests_total{app="cart",pod="a"} 0+50x8`)
	for name, q := range map[string]Query{
		"at least 1ms":       {Start: dawn, End: dawn, Timing: mesh.Timing{Range: time.Second}},
		"whole milliseconds": {Start: dawn, End: dawn, Timing: mesh.Timing{Step: time.Second, Range: 1500 * time.Microsecond}},
		"no window fits":     d.Query(mesh.Timing{Step: time.Second, Range: time.Hour}),
	} {
		for _, err := range Windows(t.Context(), d, shop(t), q) {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v, want %q", err, name)
			}
		}
	}
	for _, err := range Windows(t.Context(), d, &mesh.Schema{Name: "empty"}, at(60)) {
		if err == nil {
			t.Error("a schema without series gave a window")
		}
	}
}

func TestDumpQueryFillsTheDump(t *testing.T) {
	d := situation(t, `requests_total{app="cart",pod="a"} 0+50x8`)
	q := d.Query(mesh.Timing{Step: 15 * time.Second, Range: 30 * time.Second, Delay: 10 * time.Second})
	if got, want := q.Start.Sub(dawn), 45*time.Second; got != want {
		t.Errorf("starts after %s, want %s", got, want)
	}
	if got, want := q.End.Sub(dawn), 90*time.Second; got != want {
		t.Errorf("ends after %s, want %s", got, want)
	}
}

func TestWindowsStopsWithItsContext(t *testing.T) {
	d := situation(t, `requests_total{app="cart",pod="a"} 0+50x2000`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range Windows(ctx, d, shop(t), span10(40, 20000)) {
		n++
		last = err
		cancel()
	}
	if last == nil || n > firstSlice+1 {
		t.Errorf("%d windows after the end of the context, error %v", n, last)
	}
}

// failing answers with an error at one time, and never at another.
type failing struct {
	Source
	breaks, hangs time.Time
}

func (f *failing) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	switch {
	case start.Equal(f.breaks):
		return nil, errors.New("broken pipe")
	case start.Equal(f.hangs):
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.Source.Range(ctx, expr, start, end, step)
}

// In the bubble's time an answer takes no time at all, however slow the
// machine, and the one that never comes takes the whole step.
func TestPollGoesOnAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &failing{
			Source: situation(t, `requests_total{app="cart",pod="a"} 0+50x30`),
			breaks: at(60).Start.Add(-shopTiming.Delay), hangs: at(70).Start.Add(-shopTiming.Delay),
		}
		ticks := make(chan time.Time, 4)
		for _, seconds := range []int{60, 70, 80} {
			ticks <- at(seconds).Start
		}
		ticks <- dawn.Add(-time.Hour)
		close(ticks)
		var got []string
		for w, err := range Poll(t.Context(), src, shop(t), shopTiming, ticks) {
			got = append(got, fmt.Sprint(w.Service, err))
		}
		want := []string{"broken pipe", "no answer within the step of " + shopTiming.Step.String(), "cart<nil>", "cart<nil>"}
		if len(got) != len(want) {
			t.Fatalf("got %q", got)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("tick %d: got %q, want %q", i, got[i], want[i])
			}
		}
	})
}

func TestPollEndsWithItsContext(t *testing.T) {
	d := situation(t, `requests_total{app="cart",pod="a"} 0+50x30`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ticks := make(chan time.Time, 1)
	ticks <- at(60).Start
	for _, err := range Poll(ctx, d, shop(t), shopTiming, ticks) {
		if err != nil {
			t.Error(err)
		}
		cancel() // nothing ticks any more: only the context can end it
	}
}
