package kubernetes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// PortAnnotation on a service chooses the port that requests go to, by its name or
// number.
const PortAnnotation = "fairway-mesh.io/port"

// mainPort is the place in ports of the one that requests go to: what the annotation
// says; else the first that by its application protocol or name speaks HTTP or gRPC;
// else the first that is not there for something beside requests, such as metrics. A
// warning says that the annotation names none.
func mainPort(ports []corev1.ServicePort, chosen string) (i int, warning string) {
	if chosen != "" {
		i := slices.IndexFunc(ports, func(p corev1.ServicePort) bool {
			return p.Name == chosen || strconv.Itoa(int(p.Port)) == chosen
		})
		if i >= 0 {
			return i, ""
		}
		warning = fmt.Sprintf("annotation %s: %q is neither name nor number of a TCP port: it is ignored", PortAnnotation, chosen)
	}
	for _, wanted := range []func(corev1.ServicePort) bool{
		func(p corev1.ServicePort) bool {
			return !aside(p.Name) && slices.Contains([]string{"http", "http2", "grpc"}, protocol(p))
		},
		func(p corev1.ServicePort) bool { return !aside(p.Name) && protocol(p) == "https" },
		func(p corev1.ServicePort) bool { return !aside(p.Name) },
	} {
		if i := slices.IndexFunc(ports, wanted); i >= 0 {
			return i, warning
		}
	}
	return 0, warning
}

// protocol is what a port says it speaks: its appProtocol, else its name up to a dash,
// which is Istio's convention; empty where it says nothing known.
func protocol(p corev1.ServicePort) string {
	said := p.Name
	if p.AppProtocol != nil {
		said = *p.AppProtocol
	}
	said = strings.ToLower(said)
	switch said {
	case "kubernetes.io/h2c":
		return "http2"
	case "kubernetes.io/ws":
		return "http"
	case "kubernetes.io/wss":
		return "https"
	}
	said, _, _ = strings.Cut(said, "-")
	switch said {
	case "http", "http2", "grpc", "https", "tcp", "tls", "mysql", "mongo", "redis":
		return said
	case "h2c":
		return "http2"
	}
	return ""
}

// aside says whether a port is, by its name, for those who look after a service.
func aside(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "-"), func(word string) bool {
		switch word {
		case "metrics", "metric", "admin", "prom", "prometheus", "monitoring", "telemetry", "health", "healthz",
			"healthcheck", "status", "debug", "pprof", "profiling", "probe", "probes", "management", "mgmt":
			return true
		}
		return false
	})
}
