package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairway-mesh/fairway/router/discovery/kubernetes"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// inCluster is the place that is no path.
const inCluster = "cluster"

// serviceKinds are what services are found by: of namespaces their annotations count.
var serviceKinds = []string{"/Service", "/Namespace"}

// clusterObjects asks a cluster for the objects of kinds in a namespace, and for the
// namespace itself where that kind is among them, as a list in JSON. A kind that the
// cluster does not know has no objects.
type clusterObjects func(ctx context.Context, kubeconfig, namespace string, kinds ...schema.GroupKind) ([]byte, error)

func askCluster(ctx context.Context, kubeconfig, namespace string, kinds ...schema.GroupKind) ([]byte, error) {
	client, err := kubernetes.Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	return client.Objects(ctx, namespace, kinds...)
}

// meshPlaces reads objects from a cluster, from files, or from stdin.
type meshPlaces struct {
	cluster    clusterObjects
	kubeconfig string
	stdin      io.Reader
}

// read reads the objects of a place, of a cluster those of kinds in a namespace.
func (p *meshPlaces) read(ctx context.Context, stderr io.Writer, place, namespace string, kinds []string) ([]manifest.Object, error) {
	switch place {
	case inCluster:
		return p.fromCluster(ctx, namespace, kinds)
	case "-":
		text, err := io.ReadAll(io.LimitReader(p.stdin, manifest.MaxSize+1))
		if err != nil {
			return nil, fmt.Errorf("stdin: %w", err)
		}
		return manifest.Read("stdin", text)
	}
	return manifestsAt(place, stderr)
}

// fromCluster reads each object by itself: all of a cluster may be more than one file
// may hold.
func (p *meshPlaces) fromCluster(ctx context.Context, namespace string, kinds []string) ([]manifest.Object, error) {
	var of []schema.GroupKind
	for _, kind := range kinds {
		group, name, _ := strings.Cut(kind, "/")
		of = append(of, schema.GroupKind{Group: group, Kind: name})
	}
	text, err := p.cluster(ctx, p.kubeconfig, namespace, of...)
	if err != nil {
		return nil, err // which says of which cluster
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("cluster: its answer is no list: %w", err)
	}
	var objects []manifest.Object
	for _, item := range list.Items {
		own, err := manifest.Read(inCluster, item)
		if err != nil {
			return nil, err
		}
		objects = append(objects, own...)
	}
	return objects, nil
}

// manifestsAt reads a file, or a directory with those below it: *.yaml, *.yml and *.json
// in the order of their names, but for what begins with a dot. Of a directory, files
// that are no manifests are passed over, and stderr told.
func manifestsAt(path string, stderr io.Writer) ([]manifest.Object, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !stat.IsDir() {
		text, err := readManifest(path)
		if err != nil {
			return nil, err
		}
		return manifest.Read(path, text)
	}
	var objects []manifest.Object
	root := path + string(filepath.Separator) // with it, a link to a directory is entered
	err = filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || at == root:
			return err
		case strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
			return filepath.SkipDir
		case strings.HasPrefix(entry.Name(), "."), entry.IsDir(),
			!slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(at)):
			return nil
		}
		text, err := readManifest(at)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(text)) > 0 && !manifest.Looks(text) && len(text) <= manifest.MaxSize {
			fmt.Fprintf(stderr, "%s is passed over: it is no object of Kubernetes with apiVersion and kind\n", at)
			return nil
		}
		own, err := manifest.Read(at, text)
		objects = append(objects, own...)
		return err
	})
	return objects, err
}

// readManifest reads a file up to a byte more than manifest.Read takes.
func readManifest(path string) ([]byte, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(opened, manifest.MaxSize+1))
	return text, errors.Join(err, opened.Close())
}
