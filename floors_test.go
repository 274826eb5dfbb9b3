package fairway

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/fairway-mesh/fairway/"

// floors gives each room its floor, after the table of ARCHITECTURE.md. The
// longest matching prefix counts, so a folder nested in a room stands on the
// room's floor unless it is named here.
var floors = map[string]int{
	"mesh": 0, "predict/kernel": 0,
	"api/fairwayv1": 1, "prom": 1, "anomaly": 1, "router/health": 1, "router/picker": 1, "router/trial": 1, "router/journal": 1, "api/identity": 1,
	"router/discovery": 1, "router/discovery/cache": 0,
	"features": 2, "router/rules": 2, "datasets/sheet": 2, "anomaly/benchmark": 2,
	"router/discovery/kubernetes": 2, "router/discovery/dns": 2, "router/discovery/file": 2, "router/discovery/prometheus": 2, "router/discovery/consul": 2, "api/identity/threat": 2,
	"model": 3, "datasets": 3,
	"predict": 4,
	"router":  5, "train": 5, "api/proxy": 5,
	"router/rules/istio": 3, "router/rules/gatewayapi": 3, "router/meshconfig": 3, "router/rules/load": 4,
	"api": 6, "replay": 6, "postgres": 6, "datasets/lab": 6,
	"api/proxy/haproxy": 6, "api/proxy/nginx": 6, "api/proxy/traefik": 6, "api/proxy/xds": 6, "api/proxy/extproc": 6,
	"cmd": 7, "examples": 7, "predict/kernel/onnxruntime": 7, "api/proxy/caddy": 7, // programs too
}

// inside are pairs that may import each other's lower part although they
// stand on one floor: a room and what nests in it.
var inside = [][2]string{
	{"api/guard/siege", "api/guard"}, {"anomaly/nab", "anomaly"}, {"api/client", "api"}, {"api/http", "api"}, {"api/proxy/extproc", "api"}, {"api/proxy/xds", "api"}, {"api/proxy/caddy/cmd", "api/proxy/caddy"}, {"datasets/accesslog", "datasets"}, {"model/onnx", "model"},
	{"replay", "replay/ope"}, {"replay", "replay/finding"}, {"replay", "replay/fitted"}, {"replay/contest", "replay/sim"},
	{"replay/meshes", "replay/sim"}, {"replay/tune", "replay/sim"}, {"replay/tune", "replay/meshes"}, {"replay/fit", "replay/sim"},
	{"predict/kernel", "predict/kernel"},
	{"router/discovery/cache", "router/discovery/cache"},
	{"router/loop", "router"},
	{"postgres", "postgres/pgtest"}, {"router/discovery/kubernetes", "router/discovery/kubernetes/kubetest"},
	{"router/discovery/again", "router/discovery"}, {"router/discovery/target", "router/discovery"}, {"router/discovery/sinktest", "router/discovery"},
	{"train", "train/backprop"},
	{"replay/fitted", "replay/fit"}, {"replay/fitted", "replay/contest"}, {"replay/fitted", "replay/sim"}, {"replay/report", "replay"},
}

// owners are the only rooms that may import a large dependency.
var owners = map[string][]string{
	"gorgonia.org/gorgonia":                            {"train"},
	"gorgonia.org/tensor":                              {"train"},
	"github.com/jackc/pgx":                             {"postgres"},
	"github.com/spiffe/go-spiffe":                      {"api/identity"},
	"github.com/envoyproxy/go-control-plane":           {"api/proxy/xds", "api/proxy/extproc"},
	"istio.io":                                         {"router/rules/istio", "router/meshconfig"},
	"k8s.io/client-go":                                 {"router/discovery/kubernetes"},
	"github.com/prometheus-operator":                   {"router/meshconfig"},
	"github.com/redis/go-redis":                        {"router/discovery/cache/redis"},
	"github.com/prometheus/prometheus/discovery":       {"router/discovery"},
	"sigs.k8s.io/gateway-api":                          {"router/rules/gatewayapi"},
	"github.com/parquet-go/parquet-go":                 {"datasets/sheet"},
	"gonum.org/v1/plot":                                {"replay/report"},
	"github.com/prometheus/prometheus":                 {"prom"},
	"google.golang.org/grpc":                           {"api", "router/health", "cmd", "examples/grpc"},
	"github.com/prometheus/client_golang/api":          {"prom", "datasets/lab", "router/discovery/prometheus"},
	"github.com/prometheus/prometheus/promql/parser":   {"prom"},
	"github.com/prometheus/prometheus/model/textparse": {"prom", "datasets/lab"},
}

type arrow struct{ file, room, path string }

// TestFloors reads the imports with go/parser rather than asking the go
// command, whose answer the test cache would not know to be out of date.
func TestFloors(t *testing.T) {
	needed := make([]bool, len(inside))
	for _, a := range imports(t) {
		if target, ours := strings.CutPrefix(a.path, module); ours {
			from, to := floor(t, a.room), floor(t, target)
			pair := nesting(a.room, target)
			if pair >= 0 && to == from {
				needed[pair] = true
			}
			if to > from || to == from && a.room != target && pair < 0 {
				t.Errorf("%s: %s (floor %d) imports %s (floor %d): imports go to lower floors only", a.file, a.room, from, target, to)
			}
			continue
		}
		for _, prefix := range longestOwner(a.path) {
			if !slices.ContainsFunc(owners[prefix], func(room string) bool { return within(a.room, room) }) {
				t.Errorf("%s: %s imports %s, which belongs to %v alone", a.file, a.room, a.path, owners[prefix])
			}
		}
	}
	for i, pair := range inside {
		if !needed[i] {
			t.Errorf("inside: %s needs no leave to import %s, or has it by a pair before: take it away", pair[0], pair[1])
		}
	}
}

// TestDaemonLinksNoWorkbench follows the imports of the daemon: nothing trains
// in it, and nothing keeps windows.
func TestDaemonLinksNoWorkbench(t *testing.T) {
	next := map[string][]string{}
	for _, a := range imports(t) {
		if !strings.HasSuffix(a.file, "_test.go") {
			next[a.room] = append(next[a.room], strings.TrimPrefix(a.path, module))
		}
	}
	seen := map[string]bool{}
	for queue := []string{"cmd/fairwayd"}; len(queue) > 0; queue = queue[1:] {
		for _, to := range next[queue[0]] {
			if strings.HasPrefix(to, "gorgonia.org/") || strings.HasPrefix(to, "github.com/parquet-go/") {
				t.Errorf("cmd/fairwayd reaches %s through %s", to, queue[0])
			}
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	if !seen["router"] {
		t.Error("cmd/fairwayd does not reach router: the walk has lost its way")
	}
}

func imports(t *testing.T) []arrow {
	t.Helper()
	var arrows []arrow
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || filepath.Dir(path) == "." {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			arrows = append(arrows, arrow{path, filepath.ToSlash(filepath.Dir(path)), imported})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return arrows
}

func floor(t *testing.T, folder string) int {
	t.Helper()
	for room := folder; room != "."; room = filepath.ToSlash(filepath.Dir(room)) {
		if n, ok := floors[room]; ok {
			return n
		}
	}
	t.Fatalf("%s stands on no floor: give it one in floors_test.go and ARCHITECTURE.md", folder)
	return 0
}

// nesting is the first pair of inside that lets one folder import another; −1
// for none. A room itself may import itself, in an external test.
func nesting(from, to string) int {
	if from == to {
		return -1
	}
	return slices.IndexFunc(inside, func(pair [2]string) bool { return within(from, pair[0]) && within(to, pair[1]) })
}

func within(folder, room string) bool {
	return folder == room || strings.HasPrefix(folder, room+"/")
}

// longestOwner returns the most exact owned prefix of an import path, if any.
func longestOwner(path string) []string {
	best := ""
	for prefix := range owners {
		if within(path, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		return nil
	}
	return []string{best}
}
