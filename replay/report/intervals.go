package report

import (
	"math"

	"gonum.org/v1/plot"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// intervals adds a dot and its interval for each row, the first row on top.
// It is the k-th of n such series, and has the k-th colour.
func (c *chart) intervals(name string, k, n int, scale float64, rows []string, values []finding.Estimate) {
	dots := line{name: name, colour: k, dots: true}
	var spans []line
	for i, e := range values {
		x, y := scale*float64(e.Value), float64(len(rows)-1-i)-0.15*float64(2*k-n+1)
		if math.IsNaN(x) {
			continue
		}
		dots.x, dots.y = append(dots.x, x), append(dots.y, y)
		spans = append(spans, line{colour: k, x: []float64{scale * float64(e.Low), scale * float64(e.High)}, y: []float64{y, y}})
	}
	if len(dots.x) == 0 {
		return
	}
	c.lines = append(append(c.lines, spans...), dots)
	c.y = axis{ticks: rowTicks(rows), min: -0.6, max: float64(len(rows)) - 0.4}
}

// rowTicks name the rows.
type rowTicks []string

// Ticks implements plot.Ticker.
func (rows rowTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for i, name := range rows {
		ticks = append(ticks, plot.Tick{Value: float64(len(rows) - 1 - i), Label: short(name, 22)})
	}
	return ticks
}

// short cuts a name that a picture has no room for.
func short(name string, most int) string {
	letters := []rune(name)
	if len(letters) <= most {
		return name
	}
	return string(letters[:most-1]) + "…"
}
