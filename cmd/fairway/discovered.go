package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/file"
	"github.com/fairway-mesh/fairway/router/discovery/kubernetes"
)

// clusterDomain is what names in manifests are completed with: they do not say it.
const clusterDomain = "cluster.local"

// readDiscovered reads services from a file, or from all files of a folder: targets in
// Prometheus' file_sd format, Kubernetes manifests or what kubectl get -o json or -o
// yaml prints, or what fairwayd keeps of a place.
func readDiscovered(path string) ([]*discovery.Service, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("discovered services: %w", err)
	}
	paths := []string{path}
	if info.IsDir() {
		if paths, err = files(path); err != nil {
			return nil, fmt.Errorf("discovered services: %w", err)
		}
	}
	all, manifests := map[string]*discovery.Service{}, &kubernetes.Manifests{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("discovered services: %w", err)
		}
		services, more, err := parseDiscovered(path, text)
		if err != nil {
			return nil, err
		}
		if more != nil {
			manifests.Add(more)
		}
		unite(all, services)
	}
	unite(all, manifests.Services(clusterDomain))
	var list []*discovery.Service
	for _, s := range all {
		list = append(list, s)
	}
	return list, nil
}

func files(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name()[0] != '.' {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// parseDiscovered reads one text, of whichever kind it is.
func parseDiscovered(name string, text []byte) ([]*discovery.Service, *kubernetes.Manifests, error) {
	if rest, ours := bytes.CutPrefix(text, []byte("fairway-cache ")); ours { // two lines, and then what is kept
		for range 2 {
			_, rest, _ = bytes.Cut(rest, []byte("\n"))
		}
		text = rest
	}
	var kept struct {
		Format   string               `json:"format"`
		Services []*discovery.Service `json:"services"`
	}
	if json.Unmarshal(text, &kept) == nil && kept.Format == "fairway-services" {
		return slices.DeleteFunc(kept.Services, func(s *discovery.Service) bool { return s == nil }), nil, nil
	}
	if isList(text) {
		services, err := file.Parse(name, text)
		return services, nil, err
	}
	manifests, err := kubernetes.Read(name, text)
	return nil, manifests, err
}

// isList reports whether YAML or JSON begins with a list: targets are one, and
// manifests never.
func isList(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.HasPrefix(line, []byte("---")) {
			return line[0] == '-' || line[0] == '['
		}
	}
	return false
}

// unite adds services to those that are there. Of one that is there already, its
// endpoints are added that are not.
func unite(all map[string]*discovery.Service, services []*discovery.Service) {
	for _, s := range services {
		before := all[s.Name]
		if before == nil {
			all[s.Name] = s
			continue
		}
		for _, e := range s.Endpoints {
			if before.Endpoint(e.Name) == nil {
				before.Endpoints = append(before.Endpoints, e)
			}
		}
	}
}
