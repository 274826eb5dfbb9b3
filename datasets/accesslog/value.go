package accesslog

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// statusOf reads an HTTP status; nothing, -1 and a client that had left (499)
// are 0, no answer.
func statusOf(text string) (int, error) {
	switch text {
	case "", "-", "-1", "0", "000", "499":
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 999 {
		return 0, fmt.Errorf("the status is %s; want an HTTP status", shown(text))
	}
	return n, nil
}

// amount reads a number that is not negative.
func amount(what, text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%s is %s; want a number that is not negative", what, shown(text))
	}
	return x, nil
}

const (
	// localDate is how HAProxy and nginx write times, without what follows.
	localDate   = "02/Jan/2006:15:04:05"
	haproxyDate = localDate + ".000"
	zonedDate   = localDate + " -0700"
)

// instant reads a time in any of the ways in which proxies write them. location
// is that of times that do not tell theirs.
func instant(text string, location *time.Location) (time.Time, error) {
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return unix(x, text)
	}
	for _, layout := range []string{time.RFC3339Nano, haproxyDate, zonedDate, localDate} {
		if at, err := time.ParseInLocation(layout, text, location); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("the time is %s, which is not understood", shown(text))
}

// unix reads seconds since the epoch; numbers that would be far beyond are
// milliseconds, microseconds or nanoseconds.
func unix(x float64, text string) (time.Time, error) {
	for x >= 1e11 && x < 1e20 {
		x /= 1000
	}
	if !(x >= 0 && x < 1e11) {
		return time.Time{}, fmt.Errorf("the time is %s; want seconds since 1970", shown(text))
	}
	whole, fraction := math.Modf(x)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC(), nil
}

// shown is text from a log as an error shows it.
func shown(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(strings.ToValidUTF8(text, "\uFFFD"))
}
