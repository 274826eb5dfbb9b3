package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-mesh/fairway/router/loop"
)

// everySetting is the example of a configuration file: each flag with its
// default, commented out.
func everySetting() []byte {
	var b bytes.Buffer
	b.WriteString("# Every setting of fairwayd with its default: what --config reads. A flag of the same\n# name comes before it. Nothing has to be set but where the metrics or the rules are.\n")
	config := ""
	(&options{}).flags(&config).VisitAll(func(f *flag.Flag) {
		if f.Name == "config" || f.Name == "check-config" {
			return
		}
		what, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, "\n# %s\n", strings.ReplaceAll(usage, "\n", "\n# "))
		value, err := yaml.Marshal(map[string]string{strings.ReplaceAll(f.Name, "-", "_"): f.DefValue})
		if err != nil {
			panic(err) // of a string
		}
		fmt.Fprintf(&b, "#%s", bytes.TrimRight(value, "\n"))
		if f.DefValue == "" && what != "" {
			fmt.Fprintf(&b, " # %s", what)
		}
		b.WriteByte('\n')
	})
	return b.Bytes()
}

// TestEverySetting: the example names every flag with its default (go test -run
// TestEverySetting -rewrite makes it anew), and setting all of them changes
// nothing.
func TestEverySetting(t *testing.T) {
	kept(t, "deploy/config.yaml", everySetting())
	set := regexp.MustCompile(`(?m)^#([a-z0-9_]+:)`).ReplaceAll(everySetting(), []byte("$1"))
	set = bytes.Replace(set, []byte(`rules: ""`), []byte("rules: r.yaml"), 1)
	all, err := parse([]string{"--config", write(t, "all.yaml", string(set))}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	none, err := parse([]string{"--rules", "r.yaml"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all.settings {
		if s.value != none.settings[i].value && s.name != "config" {
			t.Errorf("%s is %q; by default %q", s.name, s.value, none.settings[i].value)
		}
		if !s.given && s.name != "config" && s.name != "check-config" {
			t.Errorf("%s is not in the file", s.name)
		}
	}
}

// manifest is what is looked at of a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Rules    []struct{ Verbs, Resources []string }
	RoleRef  struct{ Kind, Name string }
	Subjects []struct{ Kind, Name, Namespace string }
	Spec     struct {
		Selector map[string]any
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     struct {
				ServiceAccountName           string
				AutomountServiceAccountToken bool
				Containers                   []container
			}
		}
		Ports []struct {
			Name             string
			Port, TargetPort any
		}
	}
}

type container struct {
	Args  []string
	Ports []struct {
		Name          string
		ContainerPort int
	}
	StartupProbe, ReadinessProbe, LivenessProbe struct {
		HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
	}
	VolumeMounts []struct {
		MountPath string
		ReadOnly  bool
	}
	SecurityContext struct {
		ReadOnlyRootFilesystem   bool
		AllowPrivilegeEscalation *bool
	}
}

func manifests(t *testing.T, text []byte) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var m manifest
		// Kubernetes' names have capitals inside, which this reader would take as other names.
		var node yaml.Node
		if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		lower(&node)
		if err := node.Decode(&m); err != nil {
			t.Fatal(err)
		}
		all[m.Kind] = m
	}
}

// lower writes the keys of a document in lower case, as the fields above are.
func lower(n *yaml.Node) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Value != "httpGet" {
			child.Value = strings.ToLower(child.Value)
		}
		lower(child)
	}
}

// TestKubernetes: the manifests agree with each other and with the daemon.
func TestKubernetes(t *testing.T) {
	const dir = "deploy/kubernetes/"
	var k struct {
		Resources          []string
		ConfigMapGenerator []struct {
			Name  string
			Files []string
		} `yaml:"configMapGenerator"`
	}
	text, err := os.ReadFile(dir + "kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, name := range k.Resources {
		text, err := os.ReadFile(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("---\n")
		all.Write(text)
	}
	kinds := manifests(t, all.Bytes())
	files, err := filepath.Glob(dir + "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if want := len(k.Resources) + len(k.ConfigMapGenerator[0].Files) + 1; len(files) != want {
		t.Errorf("%d files; the kustomization names %d", len(files), want)
	}

	o, err := parse([]string{"--config", dir + "config.yaml"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loop.First(t.Context(), loop.RulesFile(dir+filepath.Base(o.rules))); err != nil {
		t.Error(err)
	}
	pod := kinds["Deployment"].Spec.Template
	c := pod.Spec.Containers[0]
	flagsExist(t, c.Args)
	ports := map[string]string{}
	for _, p := range c.Ports {
		ports[p.Name] = fmt.Sprint(p.ContainerPort)
	}
	for name, address := range map[string]string{"grpc": o.listen, "admin": o.admin} {
		if host, port, err := net.SplitHostPort(address); err != nil || port != ports[name] || host != "0.0.0.0" {
			t.Errorf("%s: the daemon listens on %s, the pod opens %s", name, address, ports[name])
		}
	}
	for _, p := range kinds["Service"].Spec.Ports {
		if target := fmt.Sprint(p.TargetPort); ports[target] == "" || fmt.Sprint(p.Port) != ports[target] {
			t.Errorf("the service's port %s goes to %s, which the pod does not have", p.Name, target)
		}
	}
	if mount := c.VolumeMounts[0].MountPath; filepath.Dir(o.rules) != mount || filepath.Dir(c.Args[1]) != mount {
		t.Errorf("rules %s and settings %s are not in the volume %s", o.rules, c.Args[1], mount)
	}
	label := "app.kubernetes.io/name"
	if want := kinds["Service"].Spec.Selector[label]; pod.Metadata.Labels[label] != want || want == nil {
		t.Errorf("the service looks for %v, the pod is %s", want, pod.Metadata.Labels[label])
	}
	if !c.SecurityContext.ReadOnlyRootFilesystem || c.SecurityContext.AllowPrivilegeEscalation == nil || *c.SecurityContext.AllowPrivilegeEscalation {
		t.Error("the container may do more than it needs")
	}
	p := start(t, "--rules", write(t, "r.yaml", tinyRules))
	p.decide(t)
	if pod.Metadata.Annotations["prometheus.io/port"] != ports["admin"] {
		t.Error("Prometheus is sent to another port")
	}
	for what, path := range map[string]string{"scrape": pod.Metadata.Annotations["prometheus.io/path"], "startup": c.StartupProbe.HTTPGet.Path, "readiness": c.ReadinessProbe.HTTPGet.Path, "liveness": c.LivenessProbe.HTTPGet.Path} {
		if code, _ := p.get(t, cmp.Or(path, "/missing")); code == 404 {
			t.Errorf("%s: the daemon has no %s", what, path)
		}
	}
	for what, port := range map[string]string{"startup": c.StartupProbe.HTTPGet.Port, "readiness": c.ReadinessProbe.HTTPGet.Port, "liveness": c.LivenessProbe.HTTPGet.Port} {
		if port != "admin" {
			t.Errorf("the %s probe asks port %q", what, port)
		}
	}
	account, role, binding := kinds["ServiceAccount"].Metadata.Name, kinds["ClusterRole"], kinds["ClusterRoleBinding"]
	if pod.Spec.ServiceAccountName != account || !pod.Spec.AutomountServiceAccountToken {
		t.Errorf("the pod is not given the token of %s, and finds no services", account)
	}
	if len(binding.Subjects) != 1 || binding.Subjects[0].Kind != "ServiceAccount" || binding.Subjects[0].Name != account || binding.Subjects[0].Namespace != kinds["Namespace"].Metadata.Name || binding.RoleRef.Kind != "ClusterRole" || binding.RoleRef.Name != role.Metadata.Name {
		t.Errorf("the role is not that of the account: %+v", binding)
	}
	for _, rule := range role.Rules {
		if !slices.Equal(rule.Verbs, []string{"list", "watch"}) || slices.Contains(rule.Resources, "*") || slices.Contains(rule.Resources, "secrets") {
			t.Errorf("the role may do more than to read services and their endpoints: %+v", rule)
		}
	}
	if o.prometheus != "" || o.discover != auto {
		t.Errorf("the settings say where the metrics are (%q) or the services (%q), which is found", o.prometheus, o.discover)
	}
	rendered := tool(t, "kubectl", "kustomize", dir)
	for _, want := range []string{"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"} {
		if rendered != nil && manifests(t, rendered)[want].Kind == "" {
			t.Errorf("kubectl kustomize renders no %s", want)
		}
	}
}

// flagsExist holds a command line to the flags that there are.
func flagsExist(t *testing.T, args []string) {
	t.Helper()
	config := ""
	fs := (&options{}).flags(&config)
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && fs.Lookup(name) == nil {
			t.Errorf("%s is no flag", arg)
		}
	}
}

// tool runs a program that only some machines have; nil where it is not there.
func tool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Logf("%s is not installed, and not asked", name)
		return nil
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// TestSystemd: the unit starts the program with flags that there are, and
// systemd understands all of it.
func TestSystemd(t *testing.T) {
	text, err := os.ReadFile("deploy/systemd/fairwayd.service")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^ExecStart=(\S+) (.*)$`).FindStringSubmatch(string(text))
	if command == nil {
		t.Fatal("the unit starts nothing")
	}
	flagsExist(t, strings.Fields(command[2]))
	self, err := os.Executable() // stands in for the program, which is not installed
	if err != nil {
		t.Fatal(err)
	}
	unit := write(t, "fairwayd.service", strings.ReplaceAll(string(text), command[1], self))
	if out := tool(t, "systemd-analyze", "verify", "--man=no", unit); len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze: %s", out)
	}
}

// TestDockerfile: static, without root, nothing of a machine of ours, and the
// ports that the daemon has by default.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CGO_ENABLED=0", "\nFROM scratch\n", "\nUSER 65532:65532\n", `ENTRYPOINT ["/fairwayd"]`, "./cmd/fairwayd", "main.version="} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	for _, strange := range []string{"/work", "/home", "/root", "localhost"} {
		if bytes.Contains(text, []byte(strange)) {
			t.Errorf("the Dockerfile names %s", strange)
		}
	}
	config := ""
	fs := (&options{}).flags(&config)
	exposed := strings.Fields(regexp.MustCompile(`(?m)^EXPOSE (.*)$`).FindStringSubmatch(string(text))[1])
	for _, name := range []string{"listen", "admin"} {
		if _, port, _ := net.SplitHostPort(fs.Lookup(name).DefValue); !slices.Contains(exposed, port) {
			t.Errorf("--%s is on port %s, which is not exposed: %v", name, port, exposed)
		}
	}
}
