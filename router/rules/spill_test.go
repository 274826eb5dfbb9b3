package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpill(t *testing.T) {
	f, err := Parse("x.yaml", []byte(`
services:
  - name: near
    locality: {spill: {at: 0.7, order: {a: [b, c]}, split: {c: {c: 80, b: 20}}}}
  - {name: plain, locality: {zone: a, remote: 5ms, spill: {}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Spill{At: 0.7, Order: map[string][]string{"a": {"b", "c"}}, Split: map[string]map[string]float64{"c": {"c": 80, "b": 20}}}
	if diff := cmp.Diff(want, f.Services[0].Locality.Spill); diff != "" {
		t.Error(diff)
	}
	if got := f.Services[1].Locality.Spill.Most(); got != 0.8 {
		t.Errorf("spills at %v where nothing says", got)
	}
	for text, want := range map[string]string{
		"spill: {at: 0}":                                 `x.yaml:1: at is "0"; write a number from 0.01 to 1`,
		"spill: {at: 0.8, to: b}":                        `unknown field "to" in spill; use one of at, order, split`,
		"spill: {order: {a: [b, b]}}":                    `order of zone "a" has zone "b" twice`,
		"spill: {order: {a: [a]}}":                       `the caller's own is first anyway`,
		"spill: {order: {a: b}}":                         `order of zone a is "b"; write a list`,
		"spill: {split: {a: {a: 80}}}":                   `split of zone "a" sums to 80; make it sum to 100`,
		"spill: {split: {a: {a: -1}}}":                   `part of zone a (in percent) is "-1"`,
		"spill: {split: {a: [a]}}":                       `split of zone a is a list; write percentages by zone`,
		"spill: {order: {a: [z]}}":                       `spill sends requests to zone "z", which no endpoint of service "s" is in; use one of a, b`,
		"zone: a":                                        `locality costs nothing`,
		"zone: c, spill: {order: {a: []}}":               `locality costs nothing`,
		"spill: {order: {a: [b]}, split: {a: {b: 100}}}": `zone "a" has an order and a split`,
	} {
		_, err := Parse("x.yaml", []byte("services: [{name: s, endpoints: [{name: e, zone: a}, {name: f, zone: b}], locality: {"+text+"}}]"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}
