package router

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// restored is a table of rules that serves what another has served.
func restored(t testing.TB, text []byte, ruled string) *Table {
	t.Helper()
	all, _, err := ReadSaved(text)
	if err != nil {
		t.Fatal(err)
	}
	table := NewTable(ruleSet(t, ruled), DefaultConfig())
	table.PublishAll(all, nil)
	return table
}

// TestSavedTable answers every request as before, where nothing but the process has
// changed.
func TestSavedTable(t *testing.T) {
	list := three()
	list[1] = list[1].down()
	table, _ := published(t, reviews, Eject(learnt(t), nil, DefaultConfig()), list...)
	text, err := table.Look().Save()
	if err != nil {
		t.Fatal(err)
	}
	again := restored(t, text, reviews)
	for _, path := range []string{"/", "/fast", "/auto", "/split"} {
		for _, who := range []string{"", "jason"} {
			for u := range uint64(64) {
				r := request(path, "end-user", who)
				was, is := table.Load("checkout").Decide(r, u<<58), again.Load("checkout").Decide(r, u<<58)
				if diff := cmp.Diff(*was.Terms, *is.Terms, cmp.AllowUnexported()); diff != "" || was.Endpoint != is.Endpoint || was.Subset != is.Subset || was.Propensity != is.Propensity {
					t.Fatalf("%s of %q: %+v became %+v: %s", path, who, was, is, diff)
				}
			}
		}
	}
	d := again.Load("checkout").Decision
	if want := table.Load("checkout").Decision; !d.Time.Equal(want.Time) || d.Age != want.Age || d.Policy != want.Policy || !cmp.Equal(d.Ejected, want.Ejected) || !d.Ejected[1] {
		t.Errorf("got %+v; want %+v", d, want)
	}
	twice, err := again.Look().Save()
	if err != nil || string(twice) != string(text) {
		t.Errorf("saved again it is %s, %v; was %s", twice, err, text)
	}
}

// TestSavedTableUnderOtherRules follows the rules that are in force now, with the
// endpoints and weights of then.
func TestSavedTableUnderOtherRules(t *testing.T) {
	table, was := published(t, reviews, learnt(t), three()...)
	text, err := table.Look().Save()
	if err != nil {
		t.Fatal(err)
	}
	again := restored(t, text, strings.NewReplacer("1.2.3", "2", "jason}}, to: v2", "jason}}, to: v1").Replace(reviews))
	a := again.Load("checkout").Decide(request("/", "end-user", "jason"), 0)
	if a.Subset != "v1" || a.RulesVersion != "2" || a.Weights[2] != 0 {
		t.Errorf("by the new rules: %+v", a)
	}
	b := restored(t, text, "services: []").Load("checkout")
	if len(b.Endpoints) != 3 || b.Decision.Weights[1] != was.Decision.Weights[1] {
		t.Errorf("without rules: %+v", b)
	}
}

func TestReadSavedRefuses(t *testing.T) {
	const good = `{"format":"fairway-table 1","services":[{"service":"shop","decided":"2026-01-02T03:04:05Z","metrics":"2026-01-02T03:04:00Z","start":"2026-01-02T03:03:00Z","end":"2026-01-02T03:04:00Z","series":["request_rate"],"source":2,"endpoints":[{"name":"b","weight":3,"values":[null]},{"name":"a","weight":1,"ejected":true,"requests":2,"values":[1]}]}]}`
	all, _, err := ReadSaved([]byte(good))
	if err != nil || len(all) != 1 || all[0].Decision.Endpoints[0].Name != "a" || all[0].Decision.Weights[1] != 0.75 || all[0].Decision.Age != 5*time.Second || all[0].Frame.Requests[0] != 2 {
		t.Fatalf("got %+v, %v", all, err)
	}
	for old, fresh := range map[string]string{
		good:                                "null",
		"fairway-table 1":                   "fairway-table 2",
		`"service":"shop"`:                  `"service":""`,
		`"name":"b"`:                        `"name":"a"`,
		`"name":"a"`:                        `"name":""`,
		`"weight":3`:                        `"weight":-3`,
		`"weight":1`:                        `"weight":1e999`,
		`"values":[null]`:                   `"values":[1,2]`,
		`"source":2`:                        `"source":3`,
		`2026-01-02T03:04:05Z`:              `2026-01-02T03:03:59Z`,
		`"2026-01-02T03:03:00Z"`:            `"2026-01-02T03:04:01Z"`,
		`"metrics":"2026-01-02T03:04:00Z",`: "",
		`[{"name":"b","weight":3,"values":[null]},{"name":"a","weight":1,"ejected":true,"requests":2,"values":[1]}]`: "[]",
		`{"service"`: `{"service":"shop","decided":"2026-01-02T03:04:05Z","endpoints":[{"name":"a"}]},{"service"`,
	} {
		text := strings.Replace(good, old, fresh, 1)
		if all, _, err := ReadSaved([]byte(text)); err == nil || text == good {
			t.Errorf("%s: read as %+v", text, all)
		}
	}
}

// FuzzReadSaved: whatever is in a file, it is refused, or a table serves it.
func FuzzReadSaved(f *testing.F) {
	table, _ := published(&testing.T{}, reviews, Static(ruleSet(&testing.T{}, reviews)), three()...)
	text, err := table.Look().Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":"fairway-table 1","services":[{"service":"checkout","decided":"2026-01-02T03:04:05Z","endpoints":[{"name":"a1"}]}]}`))
	f.Add([]byte(`{"format":"fairway-table 1"}`))
	set := ruleSet(f, reviews)
	f.Fuzz(func(t *testing.T, text []byte) {
		all, _, err := ReadSaved(text)
		if err != nil {
			return
		}
		table := NewTable(set, DefaultConfig())
		table.PublishAll(all, nil)
		for _, service := range table.Services() {
			routes := table.Load(service)
			for _, path := range []string{"/", "/fast", "/auto", "/split"} {
				if a := routes.Decide(request(path), 12345); a.Endpoint >= 0 && a.Weights.Validate() != nil {
					t.Errorf("%s: the weights are %v", service, a.Weights)
				}
			}
		}
		if _, err := table.Look().Save(); err != nil {
			t.Error(err)
		}
	})
}
