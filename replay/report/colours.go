package report

import (
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// The colours that gonum/plot draws with stand for CSS variables of the page:
// no picture has any of its own. The palette is that of Okabe and Ito, which
// the colour-blind tell apart; the page darkens or lightens it.
var (
	ink       = stand(1)
	faint     = stand(2)
	grid      = stand(3)
	faultArea = stand(4)
)

// colours is how many the page has.
const colours = 8

// muted is the colour of what is shown for comparison only.
const muted = -1

const bandAlpha = 40

// stand is a colour that stands for a variable; nobody would choose it.
func stand(n uint8) color.NRGBA { return color.NRGBA{R: 1, G: 2, B: n, A: 255} }

func colour(i int) color.NRGBA {
	if i == muted {
		return stand(5)
	}
	return stand(uint8(16 + i%colours))
}

var variables = func() *strings.Replacer {
	var pairs []string
	pair := func(c color.NRGBA, name string) {
		pairs = append(pairs, fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B), "var(--"+name+")")
	}
	pair(ink, "ink")
	pair(faint, "faint")
	pair(grid, "grid")
	pair(faultArea, "fault")
	pair(colour(muted), "muted")
	for i := range colours {
		pair(colour(i), "c"+strconv.Itoa(i))
	}
	return strings.NewReplacer(pairs...)
}()

// dashes tell lines apart where colours do not. Their number and that of the
// colours have no factor in common, so that 40 lines differ.
var dashes = [][]vg.Length{nil, {7, 3}, {2, 2.5}, {9, 2, 2, 2}, {4, 2, 1, 2, 1, 2}}

func (l *line) dash() int {
	if l.colour == muted {
		return 0
	}
	return l.colour % len(dashes)
}

func (l *line) key() key {
	k := key{Name: l.name, Class: "muted"}
	if l.colour != muted {
		k.Class = "c" + strconv.Itoa(l.colour%colours)
	}
	if d := dashes[l.dash()]; d != nil && !l.dots {
		var lengths []string
		for _, x := range d {
			lengths = append(lengths, strconv.FormatFloat(float64(x), 'g', -1, 64))
		}
		k.Dash = template.HTMLAttr(`stroke-dasharray="` + strings.Join(lengths, " ") + `"`)
	}
	return k
}

// logTicks are those of a log axis of seconds: decades where there are
// several, and the more of each the fewer there are.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	decades := math.Log10(high / low)
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1; m < 10; m++ {
			x := float64(m) * math.Pow(10, e)
			if x < low*(1-1e-9) || x > high*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: x}
			if m == 1 || decades < 2.2 && (m == 2 || m == 5) || decades < 1 && (m == 3 || m == 7) {
				t.Label = secondsText(x)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

func secondsText(x float64) string {
	if x < 0.9995 {
		return strconv.FormatFloat(1000*x, 'g', 3, 64) + " ms"
	}
	return strconv.FormatFloat(x, 'g', 3, 64) + " s"
}

// partTicks are those of an axis of parts of the requests, which is stretched
// so that each of the steps below is as far as the one before.
type partTicks struct{}

// Ticks implements plot.Ticker.
func (partTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for _, t := range []struct {
		part float64
		text string
	}{{0, "0"}, {0.5, "50 %"}, {0.9, "90 %"}, {0.99, "99 %"}, {0.999, "99.9 %"}} {
		ticks = append(ticks, plot.Tick{Value: stretch(t.part), Label: t.text})
	}
	return ticks
}

func stretch(part float64) float64 { return -math.Log10(1 - part) }
