package finding

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// Grid lays columns of text out; the first names the rows.
type Grid struct{ columns []column }

type column struct {
	cells []string // the first is the head
	right bool     // aligned
	tight bool     // belongs to the column before it
}

// NewGrid begins with the names of the rows.
func NewGrid(names []string) *Grid {
	return &Grid{[]column{{cells: append([]string{""}, names...)}}}
}

// Numbers adds a column of numbers times a scale, with as many decimals as
// the largest needs.
func (g *Grid) Numbers(head string, scale float64, values []Number) {
	cells := append([]string{head}, Texts(scale, values)...)
	g.columns = append(g.columns, column{cells: cells, right: true})
}

// Texts adds a column of texts.
func (g *Grid) Texts(head string, values []string) {
	g.columns = append(g.columns, column{cells: append([]string{head}, values...)})
}

// Cell is an estimate in words: its value, its interval, and its change, each
// empty where there is none.
type Cell struct{ Value, Interval, Change string }

// Cells writes estimates times a scale, with as many decimals as the largest
// needs. difference writes the changes: Relative or Points.
func Cells(scale float64, difference func(Estimate, float64) string, values []Estimate) []Cell {
	var numbers []Number
	for _, e := range values {
		numbers = append(numbers, e.Value)
	}
	decimals := decimals(scale, numbers)
	var cells []Cell
	for _, e := range values {
		c := Cell{Value: text(e.Value, scale, decimals), Change: difference(e, scale)}
		if !math.IsNaN(float64(e.Low)) {
			c.Interval = fmt.Sprintf("[%s, %s]", text(e.Low, scale, decimals), text(e.High, scale, decimals))
		}
		cells = append(cells, c)
	}
	return cells
}

// Texts writes numbers times a scale, as Cells does.
func Texts(scale float64, values []Number) []string {
	decimals := decimals(scale, values)
	var cells []string
	for _, v := range values {
		cells = append(cells, text(v, scale, decimals))
	}
	return cells
}

// Estimates adds a value, its interval, and its change.
func (g *Grid) Estimates(head string, scale float64, difference func(Estimate, float64) string, values []Estimate) {
	value, interval, change := []string{head}, []string{""}, []string{""}
	for _, c := range Cells(scale, difference, values) {
		value, interval, change = append(value, c.Value), append(interval, c.Interval), append(change, c.Change)
	}
	g.columns = append(g.columns, column{cells: value, right: true},
		column{cells: interval, tight: true}, column{cells: change, right: true, tight: true})
}

// Relative is a change in percent of the reference.
func Relative(e Estimate, scale float64) string {
	if e.Change == nil {
		return ""
	}
	value, _, _ := e.relative()
	if !e.Change.Significant || math.IsNaN(value) {
		return "~"
	}
	return percent(value, e.Change.Relative)
}

// percent is a change relative to the reference; one that is a factor is
// written so where it is more than twice as much.
func percent(value float64, factor bool) string {
	if factor && value >= 1 {
		return fmt.Sprintf("×%.3g", 1+value)
	}
	return fmt.Sprintf("%+.1f%%", 100*value)
}

// Points is a change in the unit of the column, such as percentage points.
func Points(e Estimate, scale float64) string {
	switch {
	case e.Change == nil:
		return ""
	case !e.Change.Significant:
		return "~"
	}
	return fmt.Sprintf("%+.*f", decimals(scale, []Number{e.Change.Value}), scale*float64(e.Change.Value))
}

func text(n Number, scale float64, decimals int) string {
	if math.IsNaN(float64(n)) {
		return "?"
	}
	s := fmt.Sprintf("%.*f", decimals, scale*float64(n))
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-") // what rounds to nothing has no sign
	}
	return s
}

// decimals leaves about three digits to the largest of the values.
func decimals(scale float64, values []Number) int {
	largest := 0.0
	for _, v := range values {
		if x := math.Abs(float64(v)); x > largest {
			largest = x
		}
	}
	switch largest *= scale; {
	case largest >= 100 || largest == 0 || math.IsInf(largest, 0):
		return 0
	case largest >= 10:
		return 1
	case largest >= 1:
		return 2
	}
	return 3
}

// Write writes the grid; a write that fails shows in w.
func (g *Grid) Write(w io.Writer) {
	for row := range g.columns[0].cells {
		var line strings.Builder
		for i, c := range g.columns {
			if i > 0 {
				line.WriteString(strings.Repeat(" ", map[bool]int{false: 3, true: 1}[c.tight]))
			}
			pad := strings.Repeat(" ", c.width()-utf8.RuneCountInString(c.cells[row]))
			if c.right {
				line.WriteString(pad + c.cells[row])
			} else {
				line.WriteString(c.cells[row] + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

func (c *column) width() int {
	width := 0
	for _, cell := range c.cells {
		width = max(width, utf8.RuneCountInString(cell))
	}
	return width
}
