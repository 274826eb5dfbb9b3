package sim

import (
	"errors"

	"github.com/fairway-mesh/fairway/router"
)

// newSlowLoop makes the slow loop of a run. The file metrics.go replaces this
// one.
func newSlowLoop(*Scenario, router.Policy) (slowLoop, error) {
	return nil, errors.New("sim: policies are not simulated yet")
}
