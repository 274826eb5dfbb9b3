package report

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a picture. What has no number is left out of it.
type chart struct {
	title, about string // for those who see it, and for those who do not
	x, y         axis
	lines        []line
	marks        []mark
}

type axis struct {
	label    string
	log      bool
	ticks    plot.Ticker // nil: what suits
	zero     bool        // begins at 0
	min, max float64     // both 0: what is shown
}

// line joins points in order; low and high, if any, make a band around it.
// A colour is a position in the palette; thin lines are drawn behind.
type line struct {
	name      string
	colour    int
	x, y      []float64
	low, high []float64 // of y, or of x where sideways
	sideways  bool
	dots      bool
	thin      bool
}

// mark is a part of the x axis in which something was wrong.
type mark struct{ from, to float64 }

// The size in points. Text of 10 points is read at the width of a phone.
const (
	width, leastHeight  = 360, 230
	rowHeight, axisRoom = 12, 50
	textSize            = 10
)

// height leaves each named row the room of a line of text.
func (c *chart) height() vg.Length {
	rows, _ := c.y.ticks.(rowTicks)
	return vg.Length(max(leastHeight, axisRoom+rowHeight*len(rows)))
}

// picture is a chart as the page shows it.
type picture struct {
	Title, About string
	SVG          template.HTML
	Legend       []key
	Marked       bool
}

// key explains one line.
type key struct {
	Name  string
	Class string            // of the colour
	Dash  template.HTMLAttr // the attribute, or nothing
}

// draw makes the picture; n makes its ids differ from those of others.
func (c *chart) draw(n int) (picture, error) {
	p, err := c.plot()
	if err != nil {
		return picture{}, fmt.Errorf("report: %s: %w", c.title, err)
	}
	canvas := vgsvg.NewWith(vgsvg.UseWH(width, c.height()))
	p.Draw(draw.Crop(draw.New(canvas), 2, -16, 2, -6)) // what labels at the ends stick out
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return picture{}, err
	}
	drawn := picture{Title: c.title, About: c.about, SVG: c.dress(out.String(), n), Marked: len(c.marks) > 0}
	for _, l := range c.lines {
		if l.name != "" {
			drawn.Legend = append(drawn.Legend, l.key())
		}
	}
	return drawn, nil
}

// plot lays the lines over the faults and both over the grid. How far the axes
// reach is only known of lines, so those are laid out once before.
func (c *chart) plot() (*plot.Plot, error) {
	bare, p := plot.New(), plot.New()
	if err := c.addLines(bare); err != nil {
		return nil, err
	}
	p.BackgroundColor = nil
	c.axes(p)
	p.X.Min, p.X.Max = c.x.reach(bare.X.Min, bare.X.Max)
	p.Y.Min, p.Y.Max = c.y.reach(bare.Y.Min, bare.Y.Max)
	if err := c.addMarks(p); err != nil {
		return nil, err
	}
	p.Add(c.grid())
	return p, c.addLines(p)
}

func (c *chart) addLines(p *plot.Plot) error {
	for _, l := range c.lines {
		if err := l.add(p, c.x.log, c.y.log); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

func (c *chart) axes(p *plot.Plot) {
	for _, a := range []struct {
		from axis
		to   *plot.Axis
	}{{c.x, &p.X}, {c.y, &p.Y}} {
		a.to.Label.Text = a.from.label
		a.to.Label.TextStyle.Font = textFont()
		a.to.Label.TextStyle.Color = ink
		a.to.Tick.Label.Font = textFont()
		a.to.Tick.Label.Color = ink
		a.to.LineStyle.Color = faint
		a.to.Tick.LineStyle.Color = faint
		a.to.Padding = 2
		if a.from.log {
			a.to.Scale, a.to.Tick.Marker = plot.LogScale{}, logTicks{}
		}
		if a.from.ticks != nil {
			a.to.Tick.Marker = a.from.ticks
		}
	}
}

func textFont() font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize}
}

func (c *chart) grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = grid, grid
	return g
}

// reach is what part of an axis is shown when what is known lies between low
// and high.
func (a *axis) reach(low, high float64) (float64, float64) {
	if a.min != a.max {
		return a.min, a.max
	}
	if a.zero {
		low = 0
	}
	if math.IsInf(low, 0) || math.IsInf(high, 0) { // nothing is known
		low, high = 1, 1
	}
	if low < high {
		return low, high
	}
	if a.log {
		return low * 0.8, high * 1.25
	}
	return low - 0.5, high + 0.5
}

// addMarks fills the height of the picture where something was wrong.
func (c *chart) addMarks(p *plot.Plot) error {
	for _, m := range c.marks {
		from, to := max(m.from, p.X.Min), min(m.to, p.X.Max)
		if from >= to {
			continue
		}
		area, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: p.Y.Min}, {X: to, Y: p.Y.Min}, {X: to, Y: p.Y.Max}, {X: from, Y: p.Y.Max}})
		if err != nil {
			return err
		}
		area.Color, area.LineStyle.Width = faultArea, 0
		p.Add(area)
	}
	return nil
}

// add draws the parts of the line that are known.
func (l *line) add(p *plot.Plot, logX, logY bool) error {
	if l.low != nil {
		if err := l.addBand(p, logX, logY); err != nil {
			return err
		}
	}
	for _, part := range known(l.x, l.y, logX, logY) {
		if l.dots {
			dots, err := plotter.NewScatter(part)
			if err != nil {
				return err
			}
			dots.Color, dots.Shape, dots.Radius = colour(l.colour), draw.CircleGlyph{}, 3
			p.Add(dots)
			continue
		}
		drawn, err := plotter.NewLine(part)
		if err != nil {
			return err
		}
		drawn.Color, drawn.Width, drawn.Dashes = colour(l.colour), 1.6, dashes[l.dash()]
		if l.thin {
			drawn.Width = 0.7
		}
		p.Add(drawn)
	}
	return nil
}

// addBand fills what is between low and high, part by part.
func (l *line) addBand(p *plot.Plot, logX, logY bool) error {
	ax, ay, bx, by := l.x, l.low, l.x, l.high
	if l.sideways {
		ax, ay, bx, by = l.low, l.y, l.high, l.y
	}
	low, high := known(ax, ay, logX, logY), known(bx, by, logX, logY)
	if len(low) != len(high) {
		return nil
	}
	for i := range low {
		outline := append(plotter.XYs{}, low[i]...)
		for j := len(high[i]) - 1; j >= 0; j-- {
			outline = append(outline, high[i][j])
		}
		area, err := plotter.NewPolygon(outline)
		if err != nil {
			return err
		}
		c := colour(l.colour)
		c.A = bandAlpha
		area.Color, area.LineStyle.Width = color.NRGBA(c), 0
		p.Add(area)
	}
	return nil
}

// known cuts a line where a number is missing, or cannot be on the axes.
func known(x, y []float64, logX, logY bool) []plotter.XYs {
	var parts []plotter.XYs
	var part plotter.XYs
	ok := func(v float64, log bool) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) && (!log || v > 0) }
	for i := range x {
		if ok(x[i], logX) && ok(y[i], logY) {
			part = append(part, plotter.XY{X: x[i], Y: y[i]})
			continue
		}
		if len(part) > 0 {
			parts, part = append(parts, part), nil
		}
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

var (
	head   = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	family = regexp.MustCompile(`font-family:[^;]*;font-variant:normal;font-weight:normal;font-style:normal;`)
)

// dress gives the picture its name, for those who hear it, and its colours
// from the page.
func (c *chart) dress(svg string, n int) template.HTML {
	svg = head.ReplaceAllLiteralString(svg, fmt.Sprintf(
		`<svg viewBox="0 0 %d %d" role="img" aria-labelledby="t%d d%d"><title id="t%d">%s</title><desc id="d%d">%s</desc>`,
		width, int(c.height()), n, n, n, html.EscapeString(c.title), n, html.EscapeString(c.about)))
	svg = family.ReplaceAllLiteralString(svg, "")
	return template.HTML(strings.TrimSpace(variables.Replace(svg)))
}
