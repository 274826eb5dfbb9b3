package main

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// stampForms are the forms of a timestamp that detect reads beside numbers.
// What carries no zone is taken as UTC.
var stampForms = []string{
	"2006-01-02 15:04:05", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04Z07:00", "2006/01/02 15:04:05", "01/02/2006 15:04:05", "2006-01-02",
}

// instant reads a timestamp as Unix seconds: one of stampForms, or a number of
// seconds, milli-, micro- or nanoseconds. What it cannot read is NaN: detect
// then knows the order of the rows, and no time of day.
func instant(stamp string) float64 {
	stamp = strings.TrimSpace(stamp)
	if n, err := strconv.ParseFloat(stamp, 64); err == nil {
		for _, most := range []float64{1e16, 1e13, 1e10} { // above: nano, micro, milli
			if math.Abs(n) >= most*10 {
				return n / (most / 1e7)
			}
		}
		if math.IsInf(n, 0) {
			return math.NaN()
		}
		return n
	}
	for _, form := range stampForms {
		if t, err := time.Parse(form, stamp); err == nil {
			return float64(t.UnixNano()) / 1e9
		}
	}
	return math.NaN()
}
