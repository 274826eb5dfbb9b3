package accesslog

import (
	"encoding/json"
	"errors"
	"strings"
)

// fields are the values of a JSON line by their keys; those of an object within
// have its key and a dot in front. What is null, "-" or no value is "".
type fields map[string]string

// objectOf reads the JSON object of a line, with whatever stands before it.
func objectOf(line string) (fields, error) {
	start := strings.IndexByte(line, '{')
	if start < 0 {
		return nil, errAlien
	}
	text := strings.TrimSpace(line[start:])
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		if strings.HasPrefix(text, `{"`) || strings.HasPrefix(text, `{ "`) {
			return nil, errors.New("the JSON breaks off, or is none")
		}
		return nil, errAlien
	}
	if decoder.InputOffset() != int64(len(text)) {
		return nil, errors.New("something follows the JSON")
	}
	f := make(fields, len(object))
	f.add("", object, deepest)
	return f, nil
}

// deepest is how many objects within one another are looked into.
const deepest = 4

func (f fields) add(prefix string, object map[string]any, deep int) {
	for key, value := range object {
		switch v := value.(type) {
		case string:
			f[prefix+key] = dashless(v)
		case json.Number:
			f[prefix+key] = v.String()
		case map[string]any:
			if deep > 1 {
				f.add(prefix+key+".", v, deep-1)
			}
		default:
			f[prefix+key] = ""
		}
	}
}

func dashless(v string) string {
	if v == "-" {
		return ""
	}
	return v
}

// has reports whether the line has all the keys, be it without a value.
func (f fields) has(keys ...string) bool {
	for _, key := range keys {
		if _, ok := f[key]; !ok {
			return false
		}
	}
	return true
}

// first is the value of the first key that has one.
func (f fields) first(keys ...string) string {
	for _, key := range keys {
		if v := f[key]; v != "" {
			return v
		}
	}
	return ""
}

// any reports whether the line has one of the keys.
func (f fields) any(keys ...string) bool {
	for _, key := range keys {
		if _, ok := f[key]; ok {
			return true
		}
	}
	return false
}
