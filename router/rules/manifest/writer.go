package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// writer turns YAML into JSON with one value per line, and keeps the YAML's line of
// each: so the decoders' errors, which tell a place in the JSON, find the file's.
// On the way it reports fields that the shape does not know.
type writer struct {
	file  string
	json  []byte
	lines []int // of the YAML, by line of the JSON counted from 1
	errs  []error
}

// line is the YAML's of a line of the JSON, or otherwise.
func (w *writer) line(json, otherwise int) int {
	if json < 1 || json > len(w.lines) {
		return otherwise
	}
	return w.lines[json-1]
}

// lineAt is the line of the JSON that a byte stands in, counted from 1.
func (w *writer) lineAt(offset int) int {
	return 1 + bytes.Count(w.json[:max(0, min(offset, len(w.json)))], []byte("\n"))
}

func (w *writer) value(n *yaml.Node, s shape, path string) {
	if len(w.lines) > 0 {
		w.json = append(w.json, '\n')
	}
	w.lines = append(w.lines, n.Line)
	switch n.Kind {
	case yaml.MappingNode:
		w.mapping(n, s, path)
	case yaml.SequenceNode:
		w.list(n, s, path)
	default:
		w.json = append(w.json, w.scalar(n, s, path)...)
	}
}

func (s shape) below() shape {
	if s.entry == nil {
		return shape{}
	}
	return s.entry()
}

func (w *writer) list(n *yaml.Node, s shape, path string) {
	w.json = append(w.json, '[')
	first := true
	for i, entry := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		if s.entry != nil && empty(entry) {
			w.fail(entry, "%s is empty; write it, or take the \"-\" away", at)
			continue
		}
		if !first {
			w.json = append(w.json, ',')
		}
		first = false
		w.value(entry, s.below(), at)
	}
	w.json = append(w.json, ']')
}

func (w *writer) mapping(n *yaml.Node, s shape, path string) {
	w.json = append(w.json, '{')
	first := true
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		of := s.below()
		if s.field != nil {
			known := false
			if of, known = s.field(key.Value); !known {
				w.unknown(key, s.names(), path)
				continue
			}
		}
		if empty(value) {
			if s.entry != nil { // decoders would drop the name, and with it what it asks
				w.fail(key, "%s.%.60s is empty; write {} if that is meant", path, key.Value)
			}
			continue // a field that is not there, to every decoder
		}
		if !first {
			w.json = append(w.json, ',')
		}
		first = false
		w.json = append(w.json, quoted(key.Value)...)
		w.json = append(w.json, ':')
		w.value(value, of, path+"."+key.Value)
	}
	w.json = append(w.json, '}')
}

// scalar is a plain value in JSON. Numbers and truth values are those of YAML 1.2,
// so that yes and on are text.
func (w *writer) scalar(n *yaml.Node, s shape, path string) []byte {
	if s.duration {
		d, err := time.ParseDuration(n.Value)
		if err != nil || n.ShortTag() != "!!str" {
			w.fail(n, "%s is %.60s; want a duration with a unit, such as 3s", path, n.Value)
		}
		return quoted(seconds(d))
	}
	switch n.ShortTag() {
	case "!!null":
		return []byte("null")
	case "!!bool", "!!int", "!!float":
		var v any
		if n.Decode(&v) == nil {
			if text, err := json.Marshal(v); err == nil { // infinities have no JSON
				return text
			}
		}
	}
	return quoted(n.Value)
}

// seconds writes a duration as protobuf's JSON reads it.
func seconds(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%d.%09ds", sign, uint64(d)/1e9, uint64(d)%1e9)
}

func quoted(text string) []byte {
	q, err := json.Marshal(text)
	if err != nil {
		return []byte(`""`) // cannot be: json.Marshal takes any string
	}
	return q
}

// unknown reports a field, with what was probably meant.
func (w *writer) unknown(key *yaml.Node, names []string, where string) {
	hint := "use one of " + strings.Join(names, ", ")
	if near := Nearest(key.Value, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	w.fail(key, "unknown field %.60q in %s; %s", key.Value, where, hint)
}

func (w *writer) fail(n *yaml.Node, format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("%s:%d: %s", w.file, n.Line, fmt.Sprintf(format, args...)))
}
