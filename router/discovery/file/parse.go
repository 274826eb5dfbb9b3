package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/target"
)

// Bounds of one file: its bytes, and how many targets it has.
const (
	longest = 4 << 20
	most    = 50_000
)

// Parse reads the text of one file; what ends in .json is JSON and all else YAML.
// Errors name the file and the line. It is what a Source of that file alone says.
func Parse(name string, text []byte) ([]*discovery.Service, error) {
	targets, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	return target.Services(targets, reading), nil
}

// reading is how the targets of a file are read.
var reading = target.Reading{Source: "file", Names: []string{"endpoint"}, Apart: true}

// group is one entry of a file.
type group struct {
	Targets []*entry          `yaml:"targets"`
	Labels  map[string]string `yaml:"labels"`
}

// entry is a target and the line that it is in.
type entry struct {
	address string
	line    int
}

// UnmarshalYAML takes a plain value.
func (e *entry) UnmarshalYAML(n *yaml.Node) error {
	e.line = n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a target is one address such as 10.0.0.7:9080, not a list or a map", n.Line)
	}
	e.address = n.Value
	return nil
}

func parse(name string, text []byte) ([]target.Target, error) {
	if len(text) > longest {
		return nil, fmt.Errorf("%s: it has more than %d bytes; make several files of it", name, longest)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%s: the file is empty; write [] where there are no targets", name)
	}
	read := readYAML
	if strings.EqualFold(filepath.Ext(name), ".json") {
		read = readJSON
	}
	groups, err := read(name, text)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(name)
	otherwise := strings.TrimSuffix(base, filepath.Ext(base))
	var out []target.Target
	for i, g := range groups {
		if g == nil {
			return nil, fmt.Errorf("%s: group %d: %w", name, i+1, errEmptyGroup)
		}
		labels := g.Labels
		if len(g.Targets) > 1 { // it cannot be the name of all
			labels = without(labels, "endpoint", "pod", "instance")
		}
		for _, e := range g.Targets {
			if e == nil {
				return nil, fmt.Errorf("%s: group %d has an empty target; want host:port", name, i+1)
			}
			if err := addressed(e.address); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, e.line, err)
			}
			if len(out) == most {
				return nil, fmt.Errorf("%s:%d: more than %d targets; make several files of it", name, e.line, most)
			}
			out = append(out, target.Target{Address: e.address, Serves: true, Labels: labels, Otherwise: otherwise})
		}
	}
	return out, nil
}

// addressed checks that requests can be sent to an address.
func addressed(address string) error {
	host, port, err := net.SplitHostPort(address)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "/ \t\n") {
		return fmt.Errorf("target %.100q is no host:port; want one such as 10.0.0.7:9080 or [fd00::7]:9080", address)
	}
	return nil
}

var errEmptyGroup = errors.New("it is empty; want targets and labels")

func without(labels map[string]string, names ...string) map[string]string {
	out := make(map[string]string, len(labels))
	for name, v := range labels {
		out[name] = v
	}
	for _, name := range names {
		delete(out, name)
	}
	return out
}

func readYAML(name string, text []byte) ([]*group, error) {
	var groups []*group
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&groups); err != nil {
		return nil, yamlError(name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		return nil, fmt.Errorf("%s: a second document follows the first; want one list of groups", name)
	}
	return groups, nil
}

// yamlError puts file and line before what is wrong, and says it without Go's types.
func yamlError(name string, err error) error {
	if err == io.EOF {
		return fmt.Errorf("%s: the file has no content; write [] where there are no targets", name)
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	var fields *yaml.TypeError
	if errors.As(err, &fields) {
		message = fields.Errors[0]
	}
	message = unknownField.ReplaceAllString(message, "is not one of a group's: want targets and labels")
	message = wrongKind.ReplaceAllString(message, "a $1 does not belong here: want a list of {targets: [host:port, …], labels: {name: value}}")
	if m := atLine.FindStringSubmatch(message); m != nil {
		return fmt.Errorf("%s:%s: %s", name, m[1], m[2])
	}
	return fmt.Errorf("%s: %s", name, message)
}

var (
	unknownField = regexp.MustCompile(`(?s)not found in type .*`)
	wrongKind    = regexp.MustCompile("(?s)cannot unmarshal !!(\\w+)(?: `.*`)? into .*")
	atLine       = regexp.MustCompile(`(?s)^line (\d+): (.*)`)
)
