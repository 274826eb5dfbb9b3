package meshconfig

import (
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// What fairway's manifests are labelled with, and their names begin with where they
// are not the one of their kind that a namespace may have.
const (
	managedBy = "app.kubernetes.io/managed-by"
	manager   = "fairway"
	prefix    = "fairway-"
	// only is the customary name of the one object of a kind that holds for a namespace.
	only = "default"
)

// Manifest is one object to be.
type Manifest struct {
	Kind, Namespace, Name string
	// Text is YAML as kubectl prints it, below comments that say where it comes from.
	Text []byte

	object *manifest.Object // Text, read again
}

func (m *Manifest) String() string { return m.Kind + " " + m.Namespace + "/" + m.Name }

// File names a file for it.
func (m *Manifest) File() string {
	return strings.ToLower(m.Kind) + "-" + m.Namespace + "-" + m.Name + ".yaml"
}

// Manifests makes all that the services want: in the order PeerAuthentication,
// DestinationRules, Telemetry, PrometheusRules, and the services' own.
func Manifests(cfg Config, services []Service) ([]*Manifest, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	drafts := []draft{cfg.peerAuthentication()}
	for _, s := range services {
		drafts = append(drafts, cfg.destinationRule(s))
	}
	drafts = append(drafts, cfg.telemetry())
	for _, s := range services {
		drafts = append(drafts, cfg.prometheusRule(s))
	}
	var list []*Manifest
	for _, d := range drafts {
		m, err := cfg.finish(d)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// Text is all of them in one, as YAML documents.
func Text(list []*Manifest) []byte {
	var text []byte
	for i, m := range list {
		if i > 0 {
			text = append(text, "---\n"...)
		}
		text = append(text, m.Text...)
	}
	return text
}

// draft is an object of a project's own type, with what a person should know of it.
type draft struct {
	kind, namespace, name string
	object                any
	about                 []string // lines
}

// meta is what each object is called and labelled with.
func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{managedBy: manager}}
}

// finish prints a draft, and reads what it printed by the same type again.
func (c Config) finish(d draft) (*Manifest, error) {
	m := &Manifest{Kind: d.kind, Namespace: d.namespace, Name: d.name}
	text, err := plain(d.object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m, err)
	}
	var head strings.Builder
	fmt.Fprintf(&head, "# Printed by %s (fairway %s). Nothing was applied.\n", c.Command, c.Version)
	for _, line := range d.about {
		head.WriteString("# " + line + "\n")
	}
	m.Text = append([]byte(head.String()), text...)
	m.object, err = same(m, d.object)
	return m, err
}

// plain is an object in YAML without what a server adds: apiVersion, kind, metadata
// and spec, each field in the order of the alphabet, as kubectl prints.
func plain(object any) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	if meta, ok := fields["metadata"].(map[string]any); ok {
		delete(meta, "creationTimestamp")
	}
	return yaml.Marshal(fields)
}
