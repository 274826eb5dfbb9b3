package router

import "github.com/fairway-mesh/fairway/router/picker"

// Strategy is a policy that sets weights in the slow loop, if any, and the
// pickers that use them in the fast loop: what a name stands for where both
// are run, as in the simulated mesh.
type Strategy struct {
	Name string
	// Policy is nil where nothing sets weights. It has memory: one per run.
	Policy Policy
	// Picker makes the picker of one proxy.
	Picker func(picker.Config) picker.Picker
}
