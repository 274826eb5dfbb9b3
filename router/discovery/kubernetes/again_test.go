package kubernetes

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// asking is an informer of services whose requests are answered in turn.
func asking(needed bool, answers ...error) (i *informer, asked *int) {
	asked = new(int)
	next := func() (err error) {
		err = answers[min(*asked, len(answers)-1)]
		*asked++
		return err
	}
	i = &informer{run: &run{cfg: Config{Client: &Client{Host: "here"}, Random: func() float64 { return 1 }}}, failed: func(error) {}, lacking: make(chan struct{})}
	i.asker = asker{resource: services, needed: needed,
		list: func(context.Context, metav1.ListOptions) (runtime.Object, error) { return nil, next() },
		watch: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			if err := next(); err != nil {
				return nil, err
			}
			return watch.NewFake(), nil
		},
	}
	return i, asked
}

// TestListedAnewAfterSilence: whoever answers after nobody did may be another, whose
// versions are others.
func TestListedAnewAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("connection refused")
		yes := true
		for what, c := range map[string]struct {
			options metav1.ListOptions
			answers []error
			anew    bool
		}{
			"it answers":        {metav1.ListOptions{ResourceVersion: "7"}, []error{nil}, false},
			"it was away":       {metav1.ListOptions{ResourceVersion: "7"}, []error{away, away, nil}, true},
			"it lists all then": {metav1.ListOptions{SendInitialEvents: &yes}, []error{away, nil}, false},
		} {
			i, _ := asking(true, c.answers...)
			w, err := i.again(t.Context(), c.options)
			if apierrors.IsResourceExpired(err) != c.anew || (w == nil) != c.anew {
				t.Errorf("%s: %v, %v", what, w, err)
			}
		}
	})
}

// TestAskedAgainWhileDenied: what nothing is found without is asked for every ten seconds
// while it is forbidden, and client-go never hears of that.
func TestAskedAgainWhileDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := apierrors.NewForbidden(schema.GroupResource{Resource: services}, "", nil)
		list := func(i *informer) error {
			_, err := patiently(t.Context(), i, "list", i.list, metav1.ListOptions{})
			return err
		}
		i, asked := asking(true, no, no, no, no, no, no, no, apierrors.NewUnauthorized("a new token"), nil)
		began := time.Now()
		if err := list(i); err != nil || *asked != 9 || time.Since(began) > 80*time.Second {
			t.Errorf("%v after %d requests in %v", err, *asked, time.Since(began))
		}
		select {
		case <-i.lacking:
		default:
			t.Error("nobody is told that it is forbidden")
		}
		// What can be done without is left to client-go, and so is what is no refusal.
		for _, c := range []struct {
			needed bool
			err    error
		}{{false, no}, {true, apierrors.NewResourceExpired("old")}} {
			if i, asked := asking(c.needed, c.err); list(i) == nil || *asked != 1 {
				t.Errorf("needed %v, %v: asked %d times", c.needed, c.err, *asked)
			}
		}
	})
}
