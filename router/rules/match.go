package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Match is a list of conditions that must all hold; an empty one holds for
// every request.
type Match []Condition

// Condition asks one thing of a request.
type Condition struct {
	Of      Part
	Name    string // of the header (lower case), query parameter or label
	Pattern Pattern
	// Not asks that the pattern does not match (Istio's withoutHeaders). A value that
	// is not there matches no pattern but Absent.
	Not bool
}

// Part is the part of a request that a condition looks at.
type Part uint8

// The parts of a request.
const (
	Header Part = iota
	Path
	Method
	Query
	Host
	Label // of the source
	Zone  // of the source
)

func (p Part) String() string {
	return [...]string{"header", "path", "method", "query parameter", "host", "source label", "source zone"}[p]
}

// words are the parts and the ways to compare as the API calls them.
var (
	partWords = [...]string{"header", "path", "method", "query", "host", "label", "zone"}
	opWords   = [...]string{"exact", "prefix", "regex", "present", "absent", "path_prefix"}
)

// Word is what the API calls the part.
func (p Part) Word() string { return partWords[p] }

// ReadCondition makes a condition of the API's words. Words that it does not
// know, of a newer version perhaps, and a bad regular expression are errors.
func ReadCondition(of, name, op, value string, ignoreCase, not bool) (Condition, error) {
	part, way := slices.Index(partWords[:], of), slices.Index(opWords[:], op)
	if part < 0 {
		return Condition{}, fmt.Errorf("conditions on a %q are not known; want one of %s", of, strings.Join(partWords[:], ", "))
	}
	if way < 0 {
		return Condition{}, fmt.Errorf("comparing by %q is not known; want one of %s", op, strings.Join(opWords[:], ", "))
	}
	pattern, err := NewPattern(Op(way), value)
	if err != nil {
		return Condition{}, fmt.Errorf("%s %q: %w", of, name, err)
	}
	if Part(part) == Header {
		name = strings.ToLower(name)
	}
	pattern.IgnoreCase = ignoreCase
	return Condition{Of: Part(part), Name: name, Pattern: pattern, Not: not}, nil
}

// named reports whether a condition on the part has a name.
func (p Part) named() bool { return p == Header || p == Query || p == Label }

func (c Condition) String() string {
	text := fmt.Sprintf("%s %s", c.Of, c.Pattern)
	if c.Of.named() {
		text = fmt.Sprintf("%s %q %s", c.Of, c.Name, c.Pattern)
	}
	if c.Not {
		return "not " + text
	}
	return text
}

// Same reports whether both ask the same.
func (c *Condition) Same(d *Condition) bool {
	return c.Of == d.Of && c.Name == d.Name && c.Not == d.Not && c.Pattern.Op == d.Pattern.Op &&
		c.Pattern.Value == d.Pattern.Value && c.Pattern.IgnoreCase == d.Pattern.IgnoreCase
}

// holds reports whether the request satisfies c.
func (c *Condition) holds(value string, there bool) bool {
	return c.Pattern.Matches(value, there) != c.Not
}

// Op is how a pattern compares.
type Op uint8

// The ways to compare. Regex is RE2 and must match the whole value, as in
// Envoy and Istio.
const (
	Exact Op = iota
	Prefix
	Regex
	Present
	Absent
	PathPrefix // whole elements of a path: /a takes /a and /a/b, not /ab (Gateway API)
)

func (o Op) String() string { return opWords[o] }

// Pattern compares one value.
type Pattern struct {
	Op    Op
	Value string // empty for Present and Absent
	// IgnoreCase compares Exact, Prefix and PathPrefix without regard to the case of
	// A to Z (Istio's ignoreUriCase; Envoy knows no other letters either).
	IgnoreCase bool
	re         *regexp.Regexp
	head, tail string // what every match of re begins and ends with
}

// NewPattern compiles a pattern; only a bad regular expression is an error.
func NewPattern(op Op, value string) (Pattern, error) {
	p := Pattern{Op: op, Value: value}
	if op == Regex {
		re, err := regexp.Compile(`^(?:` + value + `)$`)
		if err != nil {
			return Pattern{}, err
		}
		p.re = re
		p.head, p.tail = literals(value)
	}
	return p, nil
}

// Matches reports whether a value, which is there or not, satisfies p.
func (p *Pattern) Matches(value string, there bool) bool {
	switch p.Op {
	case Absent:
		return !there
	case Exact:
		return there && p.same(value)
	case Prefix:
		return there && p.begins(value)
	case PathPrefix:
		return there && p.leads(value)
	case Regex: // mostly the literals tell already, at a tenth of the cost
		return there && p.re != nil && strings.HasPrefix(value, p.head) && strings.HasSuffix(value, p.tail) && p.re.MatchString(value)
	}
	return there
}

func (p *Pattern) same(value string) bool { return p.sameAs(value, p.Value) }

func (p *Pattern) sameAs(value, own string) bool {
	return value == own || p.IgnoreCase && sameFold(value, own)
}

func (p *Pattern) begins(value string) bool {
	return len(value) >= len(p.Value) && p.same(value[:len(p.Value)])
}

// leads is begins for whole elements of a path.
func (p *Pattern) leads(value string) bool {
	own := p.elements()
	return len(value) >= len(own) && p.sameAs(value[:len(own)], own) &&
		(len(value) == len(own) || value[len(own)] == '/')
}

// elements is the value of a PathPrefix without the slash that it may end with.
func (p *Pattern) elements() string { return strings.TrimSuffix(p.Value, "/") }

// sameFold compares without regard to the case of A to Z.
func sameFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// lowered has a to z for A to Z.
func lowered(text string) string {
	b := []byte(text)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func (p Pattern) String() string {
	text := p.plain()
	if p.IgnoreCase {
		text += " in any case"
	}
	return text
}

func (p Pattern) plain() string {
	switch p.Op {
	case Present, Absent:
		return p.Op.String()
	case Exact:
		return fmt.Sprintf("= %q", p.Value)
	}
	return fmt.Sprintf("%s %q", p.Op, p.Value)
}
