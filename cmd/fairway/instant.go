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
// seconds, milli-, micro- or nanoseconds, told apart by their size. What it
// cannot read is NaN: detect then knows the order of the rows, and no time of
// day.
func instant(stamp string) float64 {
	stamp = strings.TrimSpace(stamp)
	if n, err := strconv.ParseFloat(stamp, 64); err == nil {
		return secondsOf(n)
	}
	for _, form := range stampForms {
		if t, err := time.Parse(form, stamp); err == nil {
			return float64(t.Unix()) + float64(t.Nanosecond())/1e9
		}
	}
	return math.NaN()
}

// secondsOf takes a number that cannot be seconds of this age for a smaller
// unit: 1e11 seconds are the year 5138, 1e11 milliseconds 1973.
func secondsOf(n float64) float64 {
	switch size := math.Abs(n); {
	case size >= 1e17:
		return n / 1e9
	case size >= 1e14:
		return n / 1e6
	case size >= 1e11:
		return n / 1e3
	}
	return n
}
