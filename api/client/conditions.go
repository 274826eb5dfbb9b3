package client

import (
	"fmt"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router/rules"
)

// conditions compiles what a rule asks of a request. What a newer daemon may
// ask and this client does not know is an error.
func conditions(rw *fairwayv1.RouteWeights) (rules.Match, error) {
	var match rules.Match
	for _, c := range rw.GetMatch() {
		condition, err := rules.ReadCondition(c.GetOf(), c.GetName(), c.GetOp(), c.GetValue(), c.GetIgnoreCase(), c.GetNegated())
		if err != nil {
			return nil, fmt.Errorf("client: route %q: %w", rw.GetName(), err)
		}
		match = append(match, condition)
	}
	return match, nil
}
