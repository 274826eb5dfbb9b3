package client

import (
	"fmt"
	"strings"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router/rules"
)

var parts = map[string]rules.Part{
	"header": rules.Header, "label": rules.Label, "query": rules.Query, "path": rules.Path,
	"method": rules.Method, "host": rules.Host, "zone": rules.Zone,
}

var ops = map[string]rules.Op{
	"exact": rules.Exact, "prefix": rules.Prefix, "regex": rules.Regex, "present": rules.Present, "absent": rules.Absent,
}

// conditions compiles what a rule asks of a request. What a newer daemon may
// ask and this client does not know is an error.
func conditions(rw *fairwayv1.RouteWeights) (rules.Match, error) {
	var match rules.Match
	for _, c := range rw.GetMatch() {
		part, known := parts[c.GetOf()]
		if !known {
			return nil, fmt.Errorf("client: route %q asks for a %q, which this version does not know", rw.Name, c.GetOf())
		}
		op, known := ops[c.GetOp()]
		if !known {
			return nil, fmt.Errorf("client: route %q compares by %q, which this version does not know", rw.Name, c.GetOp())
		}
		pattern, err := rules.NewPattern(op, c.GetValue())
		if err != nil {
			return nil, fmt.Errorf("client: route %q: %w", rw.Name, err)
		}
		name := c.GetName()
		if part == rules.Header {
			name = strings.ToLower(name)
		}
		match = append(match, rules.Condition{Of: part, Name: name, Pattern: pattern})
	}
	return match, nil
}
