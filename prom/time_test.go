package prom

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

// The rules of docs/time.md, each with its test here or in windows_test.go.

// situationFrom is situation with another beginning and another time between scrapes.
func situationFrom(t testing.TB, begin time.Time, scrape time.Duration, notation string) *Dump {
	t.Helper()
	m := newMemory()
	for _, line := range strings.Split(notation, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		l, values := describeSeries(t, line)
		s := m.open(l)
		for i, v := range values {
			if v.Omitted {
				continue
			}
			if err := m.add(s, begin.Add(time.Duration(i)*scrape).UnixMilli(), v.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.seal(); err != nil {
		t.Fatal(err)
	}
	return newDump(m, m.first, m.last, m.interval, m.slowest, func() error { return nil })
}

// valuesOf returns what a series of an endpoint was at each time, in seconds
// after dawn; windows without the endpoint are absent.
func valuesOf(windows []mesh.Window, endpoint, series string) map[int]float64 {
	values := map[int]float64{}
	for i := range windows {
		if at := windows[i].Find(endpoint); at >= 0 {
			values[int(windows[i].Time.Sub(dawn).Seconds())] = windows[i].At(at, series)
		}
	}
	return values
}

// TestOneMissedScrape leaves what is to be seen at an instant as it was. While
// the gap is at the edge of a window, PromQL takes the next sample for the
// beginning of the series: of a range of four scrapes, 2.5 are left.
func TestOneMissedScrape(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x19 _ 1050+50x20
		memory_bytes{app="cart",pod="a"} 7x19 _ 7x20
		up{app="cart",pod="a"} 1x19 _ 1x20`)
	q := span10(50, 400)
	q.Range = 40 * time.Second
	all := gather(t, d, shop(t), q)
	for series, want := range map[string]float64{mesh.Memory: 7, mesh.Up: 1} {
		for at, got := range valuesOf(all, "a", series) {
			near(t, fmt.Sprint(series, " at ", at), got, want)
		}
	}
	for at, rate := range valuesOf(all, "a", mesh.RequestRate) {
		switch {
		case at <= 210 || at >= 260:
			near(t, fmt.Sprint("rate at ", at), rate, 5)
		case rate < 5*2.5/4 || rate > 5+1e-9:
			t.Errorf("rate %v at %d s", rate, at)
		}
	}
}

// TestSilenceOfTheSource: from 200 s on nothing at all is scraped for ten
// minutes. That nobody is heard of does not say that everybody is down.
func TestSilenceOfTheSource(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x20 _x60 4000+50x20
		requests_total{app="cart",pod="b"} 0+50x20 _x60 4000+50x20
		up{app="cart",pod="a"} 1x20 _x60 1x20
		up{app="cart",pod="b"} 1x20 _x60 1x20`)
	all := gather(t, d, shop(t), span10(40, 1000))
	ups, rates := valuesOf(all, "a", mesh.Up), valuesOf(all, "a", mesh.RequestRate)
	for at, up := range ups {
		if up == 0 {
			t.Errorf("up is 0 at %d s", at)
		}
	}
	near(t, "up while it can be missed", ups[240], nan)
	if _, there := ups[400]; there {
		t.Error("the endpoint is still shown after minutes of silence")
	}
	near(t, "up afterwards", ups[900], 1)
	noBurst(t, rates)
}

// noBurst: what was counted in a pause is in no rate. Where a series begins
// anew, PromQL does not know how long before, and takes half a scrape.
func noBurst(t *testing.T, rates map[int]float64) {
	t.Helper()
	for at, rate := range rates {
		if rate > 5+1e-9 || rate < 2.5 {
			t.Errorf("rate %v at %d s", rate, at)
		}
	}
}

// TestLateSamplesShowInTheAge: a sample that is there one scrape late is what
// the delay waits for; what comes later is not waited for, and its age says so.
// (TestNothingIsKnownBeforehand holds that nothing after the delay is seen.)
func TestLateSamplesShowInTheAge(t *testing.T) {
	d := situation(t, `
		memory_bytes{app="cart",pod="a"} 7x30
		memory_bytes{app="cart",pod="b"} 7x20`)
	all := gather(t, d, shop(t), span10(200, 260))
	ages := valuesOf(all, "b", mesh.Age)
	for at, want := range map[int]float64{200: 10, 210: 10, 220: 20, 230: 30, 240: nan} {
		near(t, fmt.Sprint("age at ", at), ages[at], want)
	}
	near(t, "age of what is in time", valuesOf(all, "a", mesh.Age)[240], 10)
}

func TestCounterResetIsCountedFromZero(t *testing.T) {
	d := situation(t, `requests_total{app="cart",pod="a"} 1000+50x10 50+50x10`)
	rates := valuesOf(gather(t, d, shop(t), span10(40, 200)), "a", mesh.RequestRate)
	for at, rate := range rates {
		near(t, fmt.Sprint("rate at ", at), rate, 5)
	}
}

// TestClockJumpsForward: the source's clock is set ten minutes ahead. To the
// samples it is a pause, in which nothing is made up.
func TestClockJumpsForward(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x20 _x60 1050+50x20
		up{app="cart",pod="a"} 1x20 _x60 1x20`)
	noBurst(t, valuesOf(gather(t, d, shop(t), span10(40, 1000)), "a", mesh.RequestRate))
}

// TestClockJumpsBack: the source's clock is set back by a minute. A Prometheus
// refuses samples that are older than the newest one, so that nothing is
// written until the clock has caught up; meanwhile the counter counted on.
func TestClockJumpsBack(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x20 _x6 1350+50x20
		memory_bytes{app="cart",pod="a"} 7x20 _x6 7x20
		up{app="cart",pod="a"} 1x20 _x6 1x20`)
	all := gather(t, d, shop(t), span10(40, 400))
	noBurst(t, valuesOf(all, "a", mesh.RequestRate))
	for at, up := range valuesOf(all, "a", mesh.Up) {
		if up == 0 {
			t.Errorf("up is 0 at %d s", at)
		}
	}
	near(t, "memory afterwards", valuesOf(all, "a", mesh.Memory)[400], 7)
}

// TestRollingDeployment replaces a pod by one with another name, several
// times, at the steps that people use.
func TestRollingDeployment(t *testing.T) {
	for _, c := range []struct {
		scrape, step, span time.Duration
		up                 bool
	}{
		{15 * time.Second, 15 * time.Second, time.Minute, true},
		{15 * time.Second, 60 * time.Second, 2 * time.Minute, true},
		{60 * time.Second, 60 * time.Second, 5 * time.Minute, true},
		{60 * time.Second, 300 * time.Second, 5 * time.Minute, true},
		{60 * time.Second, 300 * time.Second, 10 * time.Minute, true},
		{15 * time.Second, 15 * time.Second, time.Minute, false},
		{60 * time.Second, 300 * time.Second, 5 * time.Minute, false},
	} {
		t.Run(fmt.Sprintf("%v %v up %v", c.step, c.span, c.up), func(t *testing.T) {
			const life = 100 // scrapes of each pod
			notation := fmt.Sprintf("requests_total{app=\"cart\",pod=\"other\"} 0+50x%d\n", 4*life)
			if c.up {
				notation += fmt.Sprintf("up{app=\"cart\",pod=\"other\"} 1x%d\n", 4*life)
			}
			for pod := range 4 {
				notation += fmt.Sprintf("requests_total{app=\"cart\",pod=\"p%d\"} _x%d 0+50x%d\n", pod, pod*life, life)
				if c.up {
					notation += fmt.Sprintf("up{app=\"cart\",pod=\"p%d\"} _x%d 1x%d\n", pod, pod*life, life)
				}
			}
			d := situationFrom(t, dawn, c.scrape, notation)
			timing := mesh.Timing{Step: c.step, Range: c.span, Delay: c.scrape}
			// As long as a window can still overlap with the pod's last scrape,
			// that it may be one missed scrape, and then the time for leaving.
			longest := timing.Delay + max(timing.Range, silence(c.scrape)) + left(timing)
			for _, w := range gather(t, d, shop(t), d.Query(timing)) {
				for pod := range 4 {
					at := w.Find(fmt.Sprintf("p%d", pod))
					first, last := dawn.Add(time.Duration(pod*life)*c.scrape), dawn.Add(time.Duration((pod+1)*life)*c.scrape)
					switch {
					case at >= 0 && (w.Time.Before(first) || w.Time.After(last.Add(longest))):
						t.Fatalf("p%d, scraped from %s to %s, is shown at %s", pod, first, last, w.Time)
					case at < 0 && w.Time.After(first.Add(2*c.scrape+timing.Delay)) && w.Time.Before(last):
						t.Fatalf("p%d, scraped from %s to %s, is not shown at %s", pod, first, last, w.Time)
					case at >= 0 && w.Time.After(last.Add(timing.Delay+max(timing.Range, silence(c.scrape)))) && w.At(at, mesh.Up) != 0:
						t.Fatalf("p%d, gone since %s, is up = %v at %s", pod, last, w.At(at, mesh.Up), w.Time)
					}
				}
			}
			if longest >= forgotten {
				t.Fatalf("%s is no short time", longest)
			}
		})
	}
}

// TestOneEmptyWindowTakesNobodyAway at any step.
func TestOneEmptyWindowTakesNobodyAway(t *testing.T) {
	for _, step := range []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute} {
		// Three scrapes are missed: for a window or two there is nothing.
		d := situationFrom(t, dawn, step, `
			requests_total{app="cart",pod="a"} 0+50x20 _x3 1200+50x20
			requests_total{app="cart",pod="b"} 0+50x43
			up{app="cart",pod="a"} 1x20 _x3 1x20
			up{app="cart",pod="b"} 1x43`)
		down := 0
		for _, w := range gather(t, d, shop(t), d.Query(mesh.Timing{Step: step, Range: 2 * step, Delay: step})) {
			if w.Find("a") != 0 {
				t.Errorf("step %v: not there at %s", step, w.Time)
			} else if w.At(0, mesh.Up) == 0 {
				down++
			}
		}
		if down == 0 || down > 2 {
			t.Errorf("step %v: down in %d windows; want one or two", step, down)
		}
	}
}

// berlin is a place that turns its clocks.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	place, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// TestDaylightSaving walks over both nights in which clocks are turned, with a
// schema that looks back a day, in a place that turns them and in one that
// does not.
func TestDaylightSaving(t *testing.T) {
	s, err := ParseSchema("day.yaml", []byte(`
name: day
labels: {service: app, endpoint: pod}
step: 30m
range: 1h
series:
  - {name: memory_bytes, query: 'memory_bytes'}
  - {name: cpu_cores, query: 'memory_bytes offset 1d'}
`))
	if err != nil {
		t.Fatal(err)
	}
	place, here := berlin(t), time.Local
	t.Cleanup(func() { time.Local = here })
	for _, night := range []string{"2026-03-29", "2026-10-25"} {
		midnight, err := time.ParseInLocation(time.DateOnly, night, place)
		if err != nil {
			t.Fatal(err)
		}
		// One value for each half hour since a day and a half before.
		d := situationFrom(t, midnight.Add(-36*time.Hour), 30*time.Minute, `memory_bytes{app="cart",pod="a"} 0+1x150`)
		q := d.Query(mesh.Timing{Step: 30 * time.Minute, Range: time.Hour})
		time.Local = time.UTC
		want := gather(t, d, s, q)
		time.Local = place
		q.Start, q.End = q.Start.In(place), q.End.In(place)
		got := gather(t, d, s, q)
		if diff := cmp.Diff(want, got, sameBits); diff != "" {
			t.Error(diff)
		}
		for i, w := range got {
			if w.Time.Unix()%1800 != 0 || i > 0 && w.Time.Sub(got[i-1].Time) != 30*time.Minute {
				t.Errorf("a window at %s", w.Time)
			}
			if before := w.At(0, mesh.CPU); !math.IsNaN(before) {
				near(t, fmt.Sprint("the value of a day before ", w.Time), before, w.At(0, mesh.Memory)-48)
			}
		}
		near(t, "the value of a day before the end", got[len(got)-1].At(0, mesh.CPU), 150-48)
	}
}

func TestWindowsAreAlignedToTheEpoch(t *testing.T) {
	for _, step := range []time.Duration{7 * time.Second, 15 * time.Second, 1100 * time.Millisecond, 11 * time.Minute} {
		at := Floor(dawn.Add(123456789*time.Nanosecond).In(berlin(t)), step)
		if at.UnixMilli()%step.Milliseconds() != 0 || at.After(dawn.Add(time.Second)) || dawn.Sub(at) >= step || at.Location() != time.UTC {
			t.Errorf("the multiple of %v before %s is %s", step, dawn, at)
		}
	}
	if at := Floor(time.Unix(-1, 0), 15*time.Second); at.Unix() != -15 {
		t.Errorf("before 1970 it is %s", at)
	}
	d := situation(t, `requests_total{app="cart",pod="a"} 0+50x30`)
	q := d.Query(mesh.Timing{Step: 7 * time.Second, Range: 30 * time.Second})
	if q.Start.Unix()%7 != 0 || q.End.Unix()%7 != 0 {
		t.Errorf("from %s to %s", q.Start, q.End)
	}
}
