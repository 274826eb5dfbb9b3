package again

import (
	"errors"
	"fmt"
)

// Joined is several errors as one, of which the first few are told; nil for none.
func Joined(errs []error) error {
	const told = 5
	if more := len(errs) - told; more > 0 {
		return errors.Join(append(errs[:told:told], fmt.Errorf("and %d more", more))...)
	}
	return errors.Join(errs...)
}
