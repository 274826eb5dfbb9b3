package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// Recipe is how a proxy is run: a directory with recipe.yaml, and templates (package
// text/template, executed with a Place) of the proxy's files.
type Recipe struct {
	// Proxy is what titles call it.
	Proxy string `yaml:"proxy"`
	// Needs are the programs that it takes.
	Needs []Program `yaml:"needs"`
	// Daemon are flags of fairwayd beside those that it always has.
	Daemon []string `yaml:"daemon"`
	// Files are the templates by the names of the files that they make in Place.Dir.
	Files map[string]string `yaml:"files"`
	// Start is the command that runs the proxy, as one process in the foreground that
	// ends when it is killed, in Place.Dir. Its first word is a program of Needs, or a path.
	Start []string `yaml:"start"`

	texts map[string]*template.Template // by what they are: a file's name, or "start[0]"
}

// Program is one that must be there. A name with a slash is a path from the directory
// that the recipe is run in, such as out/caddy; others are looked for in PATH and in
// /usr/sbin.
type Program struct {
	Name   string `yaml:"program"`
	Debian string `yaml:"debian"` // the package that brings it
	Make   string `yaml:"make"`   // the command that makes it
}

// Place is what templates are told: who else is there, and where.
type Place struct {
	Dir       string     // of the run, absolute: the proxy's files are here
	Service   string     // name of the service
	Front     string     // address that the proxy listens on
	Admin     string     // a second one of its own, for its metrics
	Socket    string     // path of a unix socket for its command interface
	Endpoints []Endpoint // of the service; Name, Address, Subset, Zone
	Balance   string     // the proxy's own balancing where a recipe leaves it open
	Fairway   bool       // whether fairway decides; else the proxy balances by itself

	GRPC, HTTP, Agent, SPOE string // addresses of fairwayd's listeners
}

// ReadRecipe reads recipe.yaml in dir and the templates that it names, and executes all
// of them once: a recipe that it returns names nothing that a Place does not have.
func ReadRecipe(dir fs.FS) (*Recipe, error) {
	text, err := fs.ReadFile(dir, "recipe.yaml")
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	r := &Recipe{texts: map[string]*template.Template{}}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(r); err != nil {
		return nil, fmt.Errorf("recipe.yaml: %w", err)
	}
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("recipe.yaml: %w", err)
	}
	if err := r.parse(dir); err != nil {
		return nil, err
	}
	for _, fairway := range []bool{false, true} {
		sample := samplePlace(fairway)
		for _, name := range r.names() {
			if _, err := r.text(name, sample); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func (r *Recipe) validate() error {
	switch {
	case r.Proxy == "":
		return errors.New(`no name of the proxy; add "proxy: NAME"`)
	case len(r.Start) == 0 || r.Start[0] == "":
		return errors.New(`no command that starts it; add "start: [PROGRAM, …]"`)
	}
	for _, p := range r.Needs {
		if p.Name == "" {
			return errors.New("a program that is needed has no name")
		}
	}
	for name, source := range r.Files {
		if !filepath.IsLocal(name) || !filepath.IsLocal(source) {
			return fmt.Errorf("file %q from %q; want paths within the run's directory and the recipe's", name, source)
		}
	}
	return nil
}

// parse reads every template.
func (r *Recipe) parse(dir fs.FS) error {
	add := func(name, text string) error {
		t, err := template.New(name).Funcs(template.FuncMap{"port": portOf, "host": hostOf}).Parse(text)
		r.texts[name] = t
		return err
	}
	for name, source := range r.Files {
		text, err := fs.ReadFile(dir, source)
		if err != nil {
			return fmt.Errorf("recipe.yaml: file %s: %w", name, err)
		}
		if err := add(name, string(text)); err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
	}
	for key, list := range map[string][]string{"start": r.Start, "daemon": r.Daemon} {
		for i, text := range list {
			if err := add(word(key, i), text); err != nil {
				return fmt.Errorf("recipe.yaml: %w", err)
			}
		}
	}
	return nil
}

// word names an element of a list of the recipe. No file can be called so by accident.
func word(list string, i int) string { return fmt.Sprintf("recipe.yaml:%s[%d]", list, i) }

func (r *Recipe) names() []string {
	var names []string
	for name := range r.texts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *Recipe) text(name string, p Place) (string, error) {
	var b strings.Builder
	if err := r.texts[name].Execute(&b, p); err != nil {
		return "", fmt.Errorf("recipe of %s: %w", r.Proxy, err)
	}
	return b.String(), nil
}

func (r *Recipe) words(list string, n int, p Place) ([]string, error) {
	words := make([]string, n)
	for i := range words {
		text, err := r.text(word(list, i), p)
		if err != nil {
			return nil, err
		}
		words[i] = text
	}
	return words, nil
}

// Flags are the flags of fairwayd that the recipe adds.
func (r *Recipe) Flags(p Place) ([]string, error) { return r.words("daemon", len(r.Daemon), p) }

// Lay writes the files into p.Dir, which it makes, and returns the command that runs
// the proxy there. It is an error if a program is missing.
func (r *Recipe) Lay(p Place) (argv []string, err error) {
	paths, err := r.find(programPath())
	if err != nil {
		return nil, err
	}
	for name := range r.Files {
		text, err := r.text(name, p)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(p.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return nil, err
	}
	argv, err = r.words("start", len(r.Start), p)
	if err != nil {
		return nil, err
	}
	if path := paths[argv[0]]; path != "" {
		argv[0] = path
	}
	return argv, nil
}

// Missing says which of the recipe's programs are not installed, and how to get them;
// nil if none is.
func (r *Recipe) Missing() error {
	_, err := r.find(programPath())
	return err
}

func (r *Recipe) find(path string) (map[string]string, error) {
	found := map[string]string{}
	var errs []error
	for _, p := range r.Needs {
		file, err := p.find(path)
		found[p.Name] = file
		errs = append(errs, err)
	}
	return found, errors.Join(errs...)
}

// samplePlace is one with everything in it.
func samplePlace(fairway bool) Place {
	return Place{
		Dir: "/run", Service: "shop", Front: "127.0.0.1:1", Admin: "127.0.0.1:2", Socket: "/run/socket",
		Endpoints: []Endpoint{endpoint("shop-1", "v1", "z1", 1, 1), endpoint("shop-2", "v2", "z2", 1, 1)},
		Balance:   "roundrobin", Fairway: fairway,
		GRPC: "127.0.0.1:3", HTTP: "127.0.0.1:4", Agent: "127.0.0.1:5", SPOE: "127.0.0.1:6",
	}
}

// The functions of templates: parts of an address.
func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

func hostOf(address string) string { return address[:max(strings.LastIndexByte(address, ':'), 0)] }
