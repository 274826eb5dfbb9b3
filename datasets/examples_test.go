package datasets

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// example opens a file of the development data, seen through a schema of ours.
func example(t *testing.T, file, schema string) *Recording {
	t.Helper()
	path := "../../shared/data/" + file
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("the development data is not there")
	}
	r, err := Open(t.Context(), path, "schemas/"+schema+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// frames walks a recording through the extractor, and returns the windows of
// each service.
func frames(t *testing.T, r *Recording) map[string][]mesh.Window {
	t.Helper()
	extractor := features.New(features.DefaultConfig())
	all := map[string][]mesh.Window{}
	for w, err := range r.Windows(t.Context(), r.Timing(0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := extractor.Push(w); err != nil {
			t.Fatal(err)
		}
		all[w.Service] = append(all[w.Service], w)
	}
	return all
}

// One sample of PetSite is 2023-04-18 22:17:00, with 0.992 available and 1.667
// requests a second. A node without requests has an availability of 0 in the
// data, and no error ratio here.
func TestPetShop(t *testing.T) {
	r := example(t, "petshop/low-traffic-train-issues.om.gz", "petshop")
	if r.Manifest.ScrapeInterval() != 5*time.Minute {
		t.Errorf("a scrape every %s", r.Manifest.ScrapeInterval())
	}
	services := frames(t, r)
	for _, name := range []string{"PGSQL Query_remote", "adoptions@services-database.us-west-2.rds.amazonaws.com_Database::SQL", "https://sqs.us-west-2.amazonaws.com/Services-sqspetadoption_AWS::SQS::Queue"} {
		if len(services[name]) == 0 {
			t.Errorf("no window of %q", name)
		}
	}
	sample := time.Date(2023, 4, 18, 22, 17, 0, 0, time.UTC)
	found := false
	for _, w := range services["PetSite"] {
		if w.Start.Before(sample) && !w.End.Before(sample) {
			found = true
			for name, want := range map[string]float64{mesh.ErrorRatio: 0.008, mesh.RequestRate: 1.66666666667, mesh.LatencyP99: 1.03755665675} {
				if got := w.At(0, name); math.Abs(got-want) > 1e-9 {
					t.Errorf("PetSite: %s is %v, want %v", name, got, want)
				}
			}
		}
	}
	if !found {
		t.Error("no window of PetSite holds the sample")
	}
	for _, w := range services["StepFunctions_AWS::StepFunctions"] {
		if rate, errors := w.At(0, mesh.RequestRate), w.At(0, mesh.ErrorRatio); rate == 0 && !math.IsNaN(errors) {
			t.Fatalf("an idle node has the error ratio %v", errors)
		}
	}
}

func TestPetShopInNormalOperation(t *testing.T) {
	services := frames(t, example(t, "petshop/low-traffic-normal.om.gz", "petshop"))
	for name, windows := range services {
		for i := range windows {
			if errors := windows[i].At(0, mesh.ErrorRatio); errors < 0 || errors > 1 {
				t.Fatalf("%s: error ratio %v", name, errors)
			}
		}
	}
	if len(services) < 40 {
		t.Errorf("%d services", len(services))
	}
}

// A pod of Nezha's that is idle has no percentiles, and the dead metric is not
// asked for.
func TestNezha(t *testing.T) {
	r := example(t, "nezha/onlineboutique-20220822.om.gz", "nezha")
	if r.Schema.Index(mesh.ErrorRatio) >= 0 {
		t.Error("the success ratio is dead; nothing can be made of it")
	}
	services := frames(t, r)
	if len(services) != 10 {
		t.Errorf("%d services, want 10", len(services))
	}
	unknown := 0
	for _, w := range services["emailservice"] {
		if math.IsNaN(w.At(0, mesh.LatencyP99)) {
			unknown++
		}
	}
	if n := len(services["emailservice"]); unknown == 0 || unknown > n/10 {
		t.Errorf("%d of %d windows of emailservice have no p99; want a few", unknown, n)
	}
}

// The caller's names are those of the frames and of what follows them.
func TestIdentify(t *testing.T) {
	r := openTest(t, writeRecording(t, constant, nil))
	var before []string
	for w, err := range r.Windows(t.Context(), r.Timing(0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range w.Endpoints {
			before = append(before, e.Name)
		}
		break
	}
	r.Identify = func(w *mesh.Window) {
		for i := range w.Endpoints {
			w.Endpoints[i].Name = "my-" + w.Endpoints[i].Name
		}
	}
	for pair, err := range r.Pairs(t.Context(), r.Timing(0, 0), features.New(features.DefaultConfig())) {
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range pair.Frame.Endpoints {
			if e.Name != "my-"+before[i] || pair.After.Endpoints[i].Name != e.Name {
				t.Fatalf("endpoint %d is %q in the frame and %q after it; want my-%s", i, e.Name, pair.After.Endpoints[i].Name, before[i])
			}
			if math.IsNaN(pair.After.At(i, mesh.RequestRate)) {
				t.Fatalf("%s has no future", e.Name)
			}
		}
		return
	}
	t.Error("no pair")
}
