package prom

import (
	"bytes"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// dialect is one of the two text formats.
type dialect struct {
	name string
	// ended: the last line is "# EOF", and the text is incomplete without it.
	ended  bool
	parser func(lines []byte, symbols *labels.SymbolTable) textparse.Parser
	// when reads a timestamp as the parser does; not ok says: ask the parser.
	when func(text string) (ms int64, ok bool)
}

var openMetrics = &dialect{
	name: "OpenMetrics", ended: true,
	parser: func(lines []byte, symbols *labels.SymbolTable) textparse.Parser {
		return textparse.NewOpenMetricsParser(lines, symbols)
	},
	when: func(text string) (int64, bool) {
		s, ok := number(text)
		return int64(s * 1000), ok && s > -farthest && s < farthest
	},
}

var prometheusText = &dialect{
	name: "the Prometheus text format",
	parser: func(lines []byte, symbols *labels.SymbolTable) textparse.Parser {
		return textparse.NewPromParser(lines, symbols, false)
	},
	when: func(text string) (int64, bool) {
		ms, err := strconv.ParseInt(text, 10, 64)
		return ms, err == nil && text[0] != '+' && text[0] != '-'
	},
}

// leastMilliseconds is where a whole timestamp begins to be read as
// milliseconds: 1973 as those, the year 5138 as seconds.
const leastMilliseconds = 100_000_000_000

// spoken tells the two text formats apart by the first piece of a text.
//
// It is OpenMetrics if there is what only OpenMetrics has: a line "# EOF" or
// "# UNIT …", the type unknown, info, stateset or gaugehistogram, an exemplar,
// a first timestamp in seconds (with a fraction, or below 10¹¹), or a counter
// family whose sample has a further _total. Otherwise it is the Prometheus text
// format: timestamps in milliseconds, or none. An OpenMetrics dump that is cut
// shows its first timestamp all the same, and is refused because "# EOF" is
// missing; one whose timestamps are milliseconds against its own format, and
// which is cut, cannot be told from a good Prometheus text. It is not sure
// without a sample.
func spoken(piece []byte) (d *dialect, sure bool) {
	var counter []byte // the family of the last "# TYPE … counter"
	timed := false
	for line := range bytes.Lines(piece) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("#")) {
			words := bytes.Fields(line)
			if onlyOpenMetrics(words) {
				return openMetrics, true
			}
			if len(words) >= 4 && string(words[1]) == "TYPE" {
				counter = nil
				if string(words[3]) == "counter" {
					counter = words[2]
				}
			}
			continue
		}
		sure = true
		end := seriesEnd(line)
		if end < 0 {
			continue
		}
		sum, ok := bytes.CutSuffix(line[:bytes.IndexAny(line, " {")], []byte("_total"))
		if ok && counter != nil && bytes.Equal(sum, counter) || bytes.Contains(line[end:], []byte(" # {")) {
			return openMetrics, true
		}
		if words := bytes.Fields(line[end:]); len(words) == 2 && words[0][0] != '{' && !timed {
			timed = true
			if ms, err := strconv.ParseInt(string(words[1]), 10, 64); err != nil || ms < leastMilliseconds {
				return openMetrics, true
			}
		}
	}
	return prometheusText, sure
}

func onlyOpenMetrics(words [][]byte) bool {
	if len(words) < 2 || string(words[0]) != "#" {
		return false
	}
	switch string(words[1]) {
	case "EOF":
		return len(words) == 2
	case "UNIT":
		return true
	case "TYPE":
		if len(words) == 4 {
			switch string(words[3]) {
			case "unknown", "info", "stateset", "gaugehistogram":
				return true
			}
		}
	}
	return false
}

// seriesEnd returns where the text of a series ends, with its labels, in a
// line; -1 if it does not.
func seriesEnd(line []byte) int {
	i := bytes.IndexAny(line, " {")
	if i < 0 || line[i] == ' ' {
		return i
	}
	quoted := false
	for i++; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '}' && !quoted:
			return i + 1
		}
	}
	return -1
}

// number reads a number that the parsers would read too, and alike.
func number(text string) (v float64, ok bool) {
	for _, c := range []byte(text) {
		if c == 'p' || c == 'P' || c == '_' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}
