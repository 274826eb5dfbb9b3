package router

// Parameter is a number that a policy can be tuned by.
type Parameter struct {
	Name, Unit, Help   string
	Default, Low, High float64
	Whole              bool // only whole numbers
}

// Values are the parameters of a policy by their names, all of them.
type Values map[string]float64
