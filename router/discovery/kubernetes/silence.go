package kubernetes

import (
	"errors"
	"reflect"

	"k8s.io/apimachinery/pkg/watch"
)

// errSilent is of a watch that nobody answered, or that broke off before it began.
var errSilent = errors.New("no answer in time, or the connection broke off")

// answered says of a watch that it failed, where client-go does not: it makes a time-out
// and a broken connection an empty watch, as if the API server had answered and had
// ended it at once. One that takes connections and never says a word would be well.
func answered(w watch.Interface, err error) (watch.Interface, error) {
	if err == nil && reflect.TypeOf(w) == reflect.TypeOf(watch.NewEmptyWatch()) {
		return nil, errSilent
	}
	return w, err
}
