package foresight

import "fmt"

// Bar counts leads from From up to To, in seconds; To is 0 where there is no
// end.
type Bar struct {
	From, To float64
	N        int
}

// leadEdges are in seconds.
var leadEdges = [...]float64{0, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200}

// Histogram counts leads, in seconds, between fixed edges; what is above the
// longest lead is left out.
func Histogram(leads []float64) []Bar {
	var bars []Bar
	for i, from := range leadEdges {
		bar := Bar{From: from}
		if i+1 < len(leadEdges) {
			bar.To = leadEdges[i+1]
		}
		beyond := 0
		for _, lead := range leads {
			switch {
			case lead < from:
			case bar.To == 0 || lead < bar.To:
				bar.N++
			default:
				beyond++
			}
		}
		bars = append(bars, bar)
		if beyond == 0 {
			break
		}
	}
	return bars
}

// Text is what a bar spans.
func (b Bar) Text() string {
	if b.To == 0 {
		return fmt.Sprintf("from %g s", b.From)
	}
	return fmt.Sprintf("%g to %g s", b.From, b.To)
}
