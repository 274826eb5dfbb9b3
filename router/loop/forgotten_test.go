package loop

import (
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// TestForgottenOneByOne: of two services that are deleted at once, each is no more when
// its own metrics have been over for long enough.
func TestForgottenOneByOne(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	stays := kube("stays", pod("s-1", 9, discovery.Ready))
	w.know(kube("first", pod("f-1", 1, discovery.Ready)), kube("later", pod("l-1", 2, discovery.Ready)), stays)
	w.plainly("first.default", "10.0.0.1")
	w.later(5 * time.Minute)
	w.plainly("later.default", "10.0.0.2")
	w.know(stays)
	for _, want := range [][]string{{"later.default", "stays.default"}, {"stays.default"}} {
		w.later(router.Lingers - 4*time.Minute)
		w.plainly("stays.default", "10.0.0.9")
		if got := w.Table().Services(); !slices.Equal(got, want) {
			t.Errorf("services %q; want %q", got, want)
		}
	}
}
