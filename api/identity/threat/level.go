package threat

import "fmt"

// Level is how much a caller is to be feared.
type Level uint8

// The levels.
const (
	Low    Level = iota // as configured
	Medium              // a tighter rate, and short-lived certificates only
	High                // refused, or told nothing about endpoints
)

var levels = [...]string{"low", "medium", "high"}

// String implements fmt.Stringer.
func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	for i, name := range levels {
		if name == string(text) {
			*l = Level(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no level; want low, medium or high", text)
}
