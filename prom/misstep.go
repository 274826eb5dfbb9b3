package prom

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlError puts the name of the schema before "line N: …".
func yamlError(name string, err error) error {
	line, message := yamlMessage("schema", err)
	if line == "" {
		return fmt.Errorf("%s: %s", name, message)
	}
	return fmt.Errorf("%s:%s: %s", name, line, message)
}

// yamlMessage says what yaml finds wrong with a file, which is a what, without
// naming Go's types, and in which line, if yaml says so.
func yamlMessage(what string, err error) (line, message string) {
	if err == io.EOF {
		return "", "the " + what + " is empty"
	}
	var fields *yaml.TypeError
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if errors.As(err, &fields) {
		message = fields.Errors[0]
	}
	message = unknownField.ReplaceAllString(message, "is not one of a "+what+"'s")
	message = wrongKind.ReplaceAllString(message, "a $1 does not belong here")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if line, rest, ok := strings.Cut(rest, ": "); ok {
			return line, rest
		}
	}
	return "", message
}

// unknownField is how yaml says so, with the Go type.
var unknownField = regexp.MustCompile(`(?s)not found in type .*`)

// wrongKind is how yaml says that it found, say, a list where a map should be.
var wrongKind = regexp.MustCompile("(?s)cannot unmarshal !!(\\w+)(?: `.*`)? into .*")

// misstep is an error and where in the file it is: keys and indices.
type misstep struct {
	err  error
	path []any
	down int // further lines, inside a text of several lines
}

func wrong(err error, path ...any) *misstep { return &misstep{err: err, path: path} }

// line follows the path as far as the file has it.
func (m *misstep) line(root *yaml.Node) int {
	node := root
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, step := range m.path {
		next := child(node, step)
		if next == nil {
			return max(node.Line, 1)
		}
		node = next
	}
	if node.Style == yaml.LiteralStyle {
		return node.Line + m.down
	}
	return node.Line
}

func child(node *yaml.Node, step any) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch step := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && step < len(node.Content) {
			return node.Content[step]
		}
	case string:
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1]
			}
		}
	}
	return nil
}
