package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// world draws rules of all kinds and requests of the same words, so that they
// meet often. A world of few words is one in which much is implied.
type world struct {
	*rand.Rand
	words int // of each kind
	names map[Part][]string
	// values that conditions have asked for; requests take of them
	values map[Part][]string
}

func newWorld(r *rand.Rand, words int) *world {
	w := &world{Rand: r, words: words, values: map[Part][]string{}, names: map[Part][]string{Path: {""}, Method: {""}, Host: {""}, Zone: {""}}}
	for i := range words {
		w.names[Header] = append(w.names[Header], fmt.Sprintf("x-%d", i*i/words)) // the first more often
		w.names[Query] = append(w.names[Query], fmt.Sprintf("q%d", i*i/words))
		w.names[Label] = append(w.names[Label], fmt.Sprintf("l%d", i*i/words))
	}
	return w
}

func pick[E any](w *world, list []E) E { return list[w.IntN(len(list))] }

func (w *world) word(of Part) string {
	n := w.IntN(w.words)
	switch of {
	case Path:
		text := ""
		for range 1 + w.IntN(3) {
			text += fmt.Sprintf("/%c%d", 'a'+w.IntN(2), w.IntN(w.words)/3)
		}
		return text + pick(w, []string{"", "", "", "/"})
	case Method:
		return pick(w, []string{"GET", "POST", "PUT", "DELETE", "get"})
	case Host:
		return fmt.Sprintf("h%d.example.com", n)
	case Zone:
		return fmt.Sprintf("z%d", n%5)
	}
	return pick(w, []string{"", "Value-", "value-", "value-"}) + fmt.Sprint(n)
}

func (w *world) condition() Condition {
	of := pick(w, []Part{Header, Header, Path, Path, Path, Method, Query, Host, Label, Zone})
	name, value := pick(w, w.names[of]), w.word(of)
	op := pick(w, []Op{Exact, Exact, Exact, Prefix, PathPrefix, Regex, Present, Absent})
	w.values[of] = append(w.values[of], value)
	switch op {
	case Prefix, PathPrefix:
		value = value[:w.IntN(len(value)+1)]
	case Present, Absent:
		value = ""
	case Regex:
		value = pick(w, []string{value, value + ".*", ".*" + value, "(?i)" + value, "^" + value + "$", value + "|" + w.word(of), "[a-z/]+", value[:len(value)/2] + "[0-9a-z/]*"})
	}
	c, err := ReadCondition(of.Word(), name, op.String(), value, w.IntN(8) == 0, w.IntN(8) == 0)
	if err != nil {
		panic(err)
	}
	return c
}

// match has up to most conditions; an empty one is rare, since no route is reached
// behind it.
func (w *world) match(most int) Match {
	var m Match
	for range 1 + w.IntN(most) {
		m = append(m, w.condition())
	}
	return m
}

func (w *world) value(of Part) string {
	value := w.word(of)
	if asked := w.values[of]; len(asked) > 0 && w.IntN(4) > 0 {
		value = pick(w, asked)
	}
	switch w.IntN(12) {
	case 0:
		return strings.ToUpper(value)
	case 1:
		return value + "/more"
	case 2:
		return value[:w.IntN(len(value)+1)]
	}
	return value
}

func (w *world) request() *mesh.Request {
	r := &mesh.Request{Path: w.value(Path), Method: w.value(Method), Host: w.value(Host)}
	r.Source.Zone = w.value(Zone)
	if n := w.IntN(6); n > 0 {
		r.Headers = map[string]string{}
		for range n {
			r.Headers[pick(w, w.names[Header])] = w.value(Header)
		}
	}
	if n := w.IntN(3); n > 0 {
		r.Source.Labels = map[string]string{}
		for range n {
			r.Source.Labels[pick(w, w.names[Label])] = w.value(Label)
		}
	}
	var query []string
	for range w.IntN(4) {
		query = append(query, pick(w, []string{"", "=", "=x%2", "=" + w.value(Query), "=" + w.value(Query)}))
		query[len(query)-1] = pick(w, w.names[Query]) + query[len(query)-1]
	}
	r.Query = strings.Join(query, "&")
	return r
}
