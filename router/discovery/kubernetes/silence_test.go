package kubernetes

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// TestWatchThatNobodyAnswers: what takes too long, or breaks off, is a failure of a
// watch at once; client-go makes it a watch that has ended, after ten attempts.
func TestWatchThatNobodyAnswers(t *testing.T) {
	var asked atomic.Int32
	nobody := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1); panic(http.ErrAbortHandler) }))
	defer nobody.Close()
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
		clusters: [{name: a, cluster: {server: %q}}], users: [{name: a, user: {}}]}`, nobody.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []struct {
		resource string
		ask      func(context.Context, metav1.ListOptions) (watch.Interface, error)
	}{
		{services, c.typed.services("").Watch},
		{endpointslices, c.typed.slices("").Watch},
	} {
		asked.Store(0)
		w, err := a.ask(t.Context(), metav1.ListOptions{})
		if n := asked.Load(); n > 1 { // who asks has pauses of his own
			t.Errorf("%s: asked %d times", a.resource, n)
		}
		if err == nil || !refused(err) {
			t.Errorf("%s: %v, %v", a.resource, w, err)
			continue
		}
		if said := explain(err, c.Host, "watch", a.resource, "").Error(); !strings.Contains(said, "does not answer") {
			t.Errorf("%s: %s", a.resource, said)
		}
	}
}
