package kubernetes

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// troubles holds what keeps each informer from going on.
type troubles struct {
	mu  sync.Mutex
	of  []error // by informer; nil where all is well
	had func()  // told, in any goroutine, that something has changed
}

func (t *troubles) set(i int, err error) {
	t.mu.Lock()
	changed := fmt.Sprint(t.of[i]) != fmt.Sprint(err)
	t.of[i] = err
	t.mu.Unlock()
	if changed {
		t.had()
	}
}

// now is everything that is wrong, each thing once; nil when nothing is.
func (t *troubles) now() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	said := map[string]bool{}
	for _, err := range t.of {
		if err != nil && !said[err.Error()] {
			said[err.Error()] = true
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

const (
	clusterRole = "cmd/fairwayd/deploy/kubernetes/clusterrole.yaml"
	oneRole     = "cmd/fairwayd/deploy/kubernetes/namespaced/role.yaml"
)

// explain says in our words why the API server did not do what was asked, and what
// mends it.
func explain(err error, host, verb, resource, namespace string) error {
	where, role := "in all namespaces", "apply "+clusterRole+", or "+oneRole+" in some namespaces and name them with --namespaces"
	if namespace != "" {
		where, role = "in namespace "+namespace, "apply "+oneRole+" there"
	}
	if resource == namespaces {
		where, role = "", "apply "+clusterRole
		if namespace != "" {
			where = namespace
		}
	}
	if granted := verb == "list" || verb == "watch"; !granted || !slices.Contains([]string{services, endpointslices, pods, namespaces}, resource) {
		role = "ask as somebody who may (kubectl auth can-i says), or grant it: fairwayd's own roles do not"
	}
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the API server forbids to %s: its verb %q on resource %q is missing: %s: %w",
			strings.TrimSpace(verb+" "+resource+" "+where), verb, resource, role, err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not know who asks: mount a service account's token (automountServiceAccountToken: true), or renew the kubeconfig's: %w", err)
	case refused(err):
		return fmt.Errorf("the API server at %s does not answer (is it up, may one reach it from here?): %w", host, bare(err))
	}
	return fmt.Errorf("%s: %w", strings.TrimSpace(verb+" "+resource+" "+where), err)
}

// refused says whether nobody, or somebody who cannot say yet, answered: what asking
// again mends.
func refused(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err)
}

// denied says whether the API server answered, and said no to who asks.
func denied(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

// bare is the innermost of an error that names the request, which differs with every
// attempt and resource.
func bare(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
