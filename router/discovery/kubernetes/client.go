package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Client asks the API server of one cluster. Any number of goroutines may use it.
type Client struct {
	// Host is where the API server is, for messages.
	Host     string
	typed    api
	metadata metadata.Interface
	dynamic  dynamic.Interface
}

// token is where a pod finds who it is.
const token = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// InCluster says whether this process runs in a pod that was given a token for the API
// server.
func InCluster() bool {
	_, err := os.Stat(token)
	return err == nil && os.Getenv("KUBERNETES_SERVICE_HOST") != "" && os.Getenv("KUBERNETES_SERVICE_PORT") != ""
}

// Connect makes a client by a kubeconfig file; without one by what a pod is given, or
// outside of a cluster by what kubectl uses. It asks nothing yet.
func Connect(kubeconfig string) (*Client, error) {
	if kubeconfig == "" && InCluster() {
		cfg, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("kubernetes: %w", err)
		}
		return connect(cfg)
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		err = errors.New("no cluster is known: run in a pod with a service account's token, or name a kubeconfig file")
	}
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	return connect(cfg)
}

func connect(cfg *rest.Config) (*Client, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.UserAgent, cfg.WarningHandler = "fairway", rest.NoWarnings{}
	// Few requests are ever made, but many namespaces are begun with at once; the API
	// server's own priority and fairness guards it.
	cfg.QPS, cfg.Burst = 50, 100
	c := &Client{Host: cfg.Host}
	var errs [3]error
	c.metadata, errs[0] = metadata.NewForConfig(cfg)
	c.dynamic, errs[1] = dynamic.NewForConfig(cfg)
	fast := rest.CopyConfig(cfg)
	fast.ContentType = "application/vnd.kubernetes.protobuf"
	fast.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	c.typed, errs[2] = newServer(fast)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	return c, nil
}

// DefaultDomain is what most clusters are called.
const DefaultDomain = "cluster.local"

// Domain is the cluster's own as a pod's resolv.conf tells it, by the domain svc.DOMAIN
// that it searches; DefaultDomain where it does not.
func Domain(resolvConf string) string {
	text, err := os.ReadFile(resolvConf)
	if err != nil {
		return DefaultDomain
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		for _, f := range fields[1:] {
			if domain, ok := strings.CutPrefix(strings.TrimSuffix(f, "."), "svc."); ok && domain != "" {
				return strings.ToLower(domain)
			}
		}
	}
	return DefaultDomain
}
