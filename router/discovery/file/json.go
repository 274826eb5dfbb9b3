package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// readJSON reads a list of groups one by one, to know in which line each begins.
func readJSON(name string, text []byte) ([]*group, error) {
	wrong := func(offset int64, err error) error {
		line := 1 + bytes.Count(text[:min(max(offset, 0), int64(len(text)))], []byte("\n"))
		return fmt.Errorf("%s:%d: %s", name, line, jsonMessage(err))
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin with it; YAML takes it
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, new(json.RawMessage)); errors.As(err, &syntax) {
		if syntax.Error() == earlyEnd {
			return nil, wrong(syntax.Offset, err)
		}
		return nil, wrong(syntax.Offset-1, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if open, err := decoder.Token(); err != nil || open != json.Delim('[') {
		return nil, wrong(0, errors.New(`want a list of groups: [{"targets": ["10.0.0.7:9080"], "labels": {"service": "reviews"}}]`))
	}
	var groups []*group
	line, counted := 1, int64(0)
	for decoder.More() {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, wrong(decoder.InputOffset(), err)
		}
		begins := decoder.InputOffset() - int64(len(raw))
		if len(groups) == most {
			return nil, wrong(begins, fmt.Errorf("more than %d groups; make several files of it", most))
		}
		g, err := readGroup(raw)
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			begins += kind.Offset
		}
		if err != nil {
			return nil, wrong(begins, err)
		}
		line += bytes.Count(text[counted:begins], []byte("\n"))
		counted = begins
		for _, e := range g.Targets {
			e.line = line // in which the group begins
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// readGroup reads one entry.
func readGroup(raw []byte) (*group, error) {
	var g *struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&g); err != nil {
		return nil, err
	}
	if g == nil {
		return nil, errEmptyGroup
	}
	out := &group{Labels: g.Labels, Targets: make([]*entry, len(g.Targets))}
	for i, address := range g.Targets {
		out.Targets[i] = &entry{address: address}
	}
	return out, nil
}

// earlyEnd is how package json says so.
const earlyEnd = "unexpected end of JSON input"

// jsonMessage says what is wrong without Go's types.
func jsonMessage(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("a %s does not belong here: want a list of {\"targets\": [\"host:port\", …], \"labels\": {\"name\": \"value\"}}", kind.Value)
	case err.Error() == earlyEnd:
		return "the file ends too early; write another and rename it, so that it is never seen half written"
	}
	message := strings.TrimPrefix(err.Error(), "json: ")
	if field, ok := strings.CutPrefix(message, "unknown field "); ok {
		return fmt.Sprintf("field %s is not one of a group's: want targets and labels", field)
	}
	return message
}
