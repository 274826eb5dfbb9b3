package again

import (
	"errors"
	"fmt"
)

// Joined is several errors as one, of which the first few are told, each once; nil
// for none.
func Joined(errs []error) error {
	const told = 5
	var some []error
	seen := map[string]bool{}
	for _, err := range errs {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			some = append(some, err)
		}
	}
	if more := len(some) - told; more > 0 {
		some = append(some[:told], fmt.Errorf("and %d more", more))
	}
	return errors.Join(some...)
}
