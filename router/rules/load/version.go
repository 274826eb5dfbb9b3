package load

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// annotation is what an object calls the version of the rules that it belongs to.
const annotation = "config/version"

// semantic is a semantic version (semver.org, 2.0.0), with a leading v or without.
var semantic = regexp.MustCompile(`^v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// Semantic reports whether a version is a semantic one.
func Semantic(version string) bool { return semantic.MatchString(version) }

// version is what the rules call themselves. Where they do so in several ways the
// hash alone is true of all of them.
func (r *reading) version() string {
	said := map[string]string{} // version to where
	for i := range r.objects {
		o := &r.objects[i]
		v := o.Annotations[annotation]
		if v == "" {
			continue
		}
		if !Semantic(v) {
			r.findings = append(r.findings, manifest.Finding{File: o.File, Line: o.Line, Level: manifest.Warning,
				Text: "annotation " + annotation + " of " + o.String() + " is " + v + ", no semantic version; write one such as 1.4.2"})
		}
		if said[v] == "" {
			said[v] = o.At()
		}
	}
	if len(said) == 0 {
		for _, f := range r.own {
			if f.Version != f.Hash {
				said[f.Version] = f.Name
			}
		}
	}
	versions := slices.Sorted(maps.Keys(said))
	switch len(versions) {
	case 0:
		return r.whole.Hash
	case 1:
		return versions[0]
	}
	var places []string
	for _, v := range versions {
		places = append(places, v+" at "+said[v])
	}
	r.find(manifest.Warning, said[versions[0]], "the rules call themselves by several versions (%s): version %s, their hash, is used; write the same everywhere", strings.Join(places, ", "), r.whole.Hash)
	return r.whole.Hash
}
