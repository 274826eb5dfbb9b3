package manifest

import "fmt"

// The levels of a Finding. What has level Error keeps a set of rules from being
// used as it is; a Warning is left to who reads it; a Note says what was done.
const (
	Error   = "error"
	Warning = "warning"
	Note    = "note"
)

// Finding is something about an object that a person should know.
type Finding struct {
	File  string
	Line  int
	Level string
	Text  string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Level, f.Text)
}

// Find makes a Finding about a place in the object's spec.
func (o *Object) Find(level, text string, path ...any) Finding {
	return Finding{File: o.File, Line: o.LineOf(path...), Level: level, Text: text}
}
