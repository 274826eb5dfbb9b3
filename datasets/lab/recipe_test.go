package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// recipeOf is a recipe directory of these files.
func recipeOf(files map[string]string) fstest.MapFS {
	dir := fstest.MapFS{}
	for name, text := range files {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return dir
}

const shellRecipe = `
proxy: a shell
needs: [{program: sh, debian: dash}]
daemon: ["--http", "{{.HTTP}}"]
files: {conf/proxy.conf: proxy.tmpl}
start: [sh, -c, "exec sleep {{port .Front}}"]
`

func TestRecipeLaysOutAProxy(t *testing.T) {
	r, err := ReadRecipe(recipeOf(map[string]string{
		"recipe.yaml": shellRecipe,
		"proxy.tmpl":  "{{if .Fairway}}ask {{host .Agent}}{{else}}{{.Balance}}{{end}}\n{{range .Endpoints}}{{.Name}}={{.Address}}\n{{end}}",
	}))
	if err != nil {
		t.Fatal(err)
	}
	p := Place{
		Dir: filepath.Join(t.TempDir(), "run"), Front: "127.0.0.1:80", Agent: "10.0.0.1:81", HTTP: "10.0.0.1:82", Balance: "leastconn",
		Endpoints: []Endpoint{endpoint("a", "", "", 1, 1)},
	}
	p.Endpoints[0].Address = "10.0.0.2:83"
	argv, err := r.Lay(p)
	if err != nil || !filepath.IsAbs(argv[0]) || !slices.Equal(argv[1:], []string{"-c", "exec sleep 80"}) {
		t.Errorf("starts with %q, %v", argv, err)
	}
	text, err := os.ReadFile(filepath.Join(p.Dir, "conf", "proxy.conf"))
	if string(text) != "leastconn\na=10.0.0.2:83\n" || err != nil {
		t.Errorf("without fairway the file is %q, %v", text, err)
	}
	p.Fairway = true
	if _, err := r.Lay(p); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(filepath.Join(p.Dir, "conf", "proxy.conf")); string(text) != "ask 10.0.0.1\na=10.0.0.2:83\n" || err != nil {
		t.Errorf("with fairway the file is %q, %v", text, err)
	}
	if flags, err := r.Flags(p); !slices.Equal(flags, []string{"--http", "10.0.0.1:82"}) || err != nil {
		t.Errorf("flags %q, %v", flags, err)
	}
}

func TestRecipeErrors(t *testing.T) {
	for _, test := range []struct{ name, recipe, template, want string }{
		{"no recipe", "", "", "recipe.yaml"},
		{"an unknown field", shellRecipe + "stop: [sh]\n", "", "field stop not found"},
		{"no name", strings.Replace(shellRecipe, "proxy: a shell", "", 1), "", "proxy: NAME"},
		{"no command", strings.Replace(shellRecipe, "start:", "daemon2:", 1), "", "daemon2"},
		{"an empty command", shellRecipe[:strings.Index(shellRecipe, "start:")], "", "start: [PROGRAM"},
		{"a program without a name", strings.Replace(shellRecipe, "program: sh, ", "", 1), "", "has no name"},
		{"a file outside", strings.Replace(shellRecipe, "conf/", "../", 1), "", "within the run's directory"},
		{"a template that is not there", strings.Replace(shellRecipe, "proxy.tmpl", "other.tmpl", 1), "", "other.tmpl"},
		{"a template that does not end", shellRecipe, "{{if .Fairway}}", "unexpected EOF"},
		{"a value that no place has", shellRecipe, "{{.Colour}}", "Colour"},
		{"such a value only with fairway", shellRecipe, "{{if .Fairway}}{{.Colour}}{{end}}", "Colour"},
		{"such a value in the command", strings.Replace(shellRecipe, "port .Front", ".Colour", 1), "", "Colour"},
	} {
		files := map[string]string{"proxy.tmpl": test.template}
		if test.recipe != "" {
			files["recipe.yaml"] = test.recipe
		}
		if _, err := ReadRecipe(recipeOf(files)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v; want one that names %q", test.name, err, test.want)
		}
	}
}

func TestRecipeNeedsItsPrograms(t *testing.T) {
	needs := `needs: [{program: no-such-proxy, debian: such}, {program: out/no-such, make: make such}]`
	r, err := ReadRecipe(recipeOf(map[string]string{"recipe.yaml": strings.Replace(shellRecipe, "needs: [{program: sh, debian: dash}]", needs, 1), "proxy.tmpl": ""}))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{r.Missing(), func() error { _, err := r.Lay(Place{Dir: t.TempDir()}); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "apt-get install such") || !strings.Contains(err.Error(), "`make such`") {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzReadRecipe(f *testing.F) {
	for _, seed := range [][2]string{{shellRecipe, "{{.Dir}}"}, {"proxy: x\nstart: ['{{.Endpoints}}']\n", ""}, {"", "{{"}, {"files: {../x: y}", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, recipe, text string) {
		if len(recipe)+len(text) > 1<<12 || strings.Contains(recipe+text, "range") { // loops may take long
			return
		}
		r, err := ReadRecipe(recipeOf(map[string]string{"recipe.yaml": recipe, "proxy.tmpl": text}))
		if err == nil && (r.Proxy == "" || len(r.Start) == 0) {
			t.Errorf("%+v is no recipe", r)
		}
	})
}
