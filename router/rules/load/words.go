package load

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/fairway-mesh/fairway/router/rules"
)

// Targets says where a route sends requests, such as "v1 90%, service shop-v2 10%".
func Targets(to []rules.Target) string {
	var parts []string
	for _, t := range to {
		name := "all endpoints"
		switch {
		case t.Service != "" && t.Subset != "":
			name = "service " + t.Service + " subset " + t.Subset
		case t.Service != "":
			name = "service " + t.Service
		case t.Subset != "":
			name = t.Subset
		}
		if t.Auto {
			parts = append(parts, name+" auto")
			continue
		}
		parts = append(parts, name+" "+strconv.FormatFloat(t.Weight, 'g', 4, 64)+"%")
	}
	return strings.Join(parts, ", ")
}

// Words says what is set of any part of the rules: the fields that are not zero with
// their values, such as "deadline 1s, percentile 0.99". Nothing set is "".
func Words(v any) string { return words(reflect.ValueOf(v)) }

func words(v reflect.Value) string {
	if v.CanInterface() {
		if s, ok := v.Interface().(fmt.Stringer); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
			return s.String()
		}
	}
	var parts []string
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return words(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if _, said := v.Index(i).Interface().(fmt.Stringer); said || v.Len() == 1 {
				parts = append(parts, words(v.Index(i)))
				continue
			}
			parts = append(parts, group(v.Index(i)))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			parts = append(parts, fmt.Sprint(key)+" "+group(v.MapIndex(key)))
		}
		slices.Sort(parts)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || v.Field(i).IsZero() || f.Name == "Where" {
				continue
			}
			if f.Anonymous {
				parts = append(parts, words(v.Field(i)))
				continue
			}
			parts = append(parts, label(f.Name)+" "+group(v.Field(i)))
		}
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', 6, 64)
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}

// group puts what has parts of its own into brackets.
func group(v reflect.Value) string {
	text := words(v)
	if _, plain := v.Interface().(time.Duration); plain || !strings.Contains(text, " ") {
		return text
	}
	return "(" + text + ")"
}

// label makes plain words of a field's name: MaxEjection is max ejection.
func label(name string) string {
	var out strings.Builder
	before := 'A'
	for _, r := range name {
		if unicode.IsUpper(r) && !unicode.IsUpper(before) {
			out.WriteByte(' ')
		}
		out.WriteRune(unicode.ToLower(r))
		before = r
	}
	return out.String()
}
