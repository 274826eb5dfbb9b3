package datasets

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func faultsFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "faults.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFaultClasses: by what is noted where it is, else by what the kinds of the
// lab are.
func TestFaultClasses(t *testing.T) {
	list, err := readFaults(faultsFile(t, `service,endpoint,kind,start,end,severity,fails
s,ramp,memory_ramp,1,20,3,10.5
s,recovered,memory_ramp_decoy,2,20,3,
s,sudden,errors,3,20,0.5,3
s,benign,errors,4,20,0.01,
s,benign,restart,5,20,1.2,
s,ramp,error_ramp,6,20,0.5,
s,ramp,slowdown,7,20,3,
s,recovered,decoy,8,20,3,
s,sudden,error_burst,9,20,3,
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 9 || !list[0].Fails.Equal(time.UnixMilli(10_500)) {
		t.Errorf("read as %+v", list)
	}
	for _, f := range list {
		if f.Class() != f.Endpoint {
			t.Errorf("%s, which fails at %v, is %s; want %s", f.Kind, f.Fails, f.Class(), f.Endpoint)
		}
	}
	old, err := readFaults(faultsFile(t, "service,endpoint,kind,start,end,severity\ns,a,leak,1,20,3\n"))
	if err != nil || len(old) != 1 || old[0].Class() != Ramp {
		t.Errorf("without the column: %+v, %v", old, err)
	}
}

func FuzzFaults(f *testing.F) {
	f.Add("service,endpoint,kind,start,end,severity,fails\ns,a,leak,1,20,3,10\n")
	f.Add("service,endpoint,kind,start,end,severity\ns,a,crash,1,20,\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readFaults(faultsFile(t, text))
		for _, one := range list {
			if one.End.Before(one.Start) || !one.Fails.IsZero() && (one.Fails.Before(one.Start) || one.Fails.After(one.End)) || one.Class() == "" {
				t.Errorf("read %+v (%v)", one, err)
			}
		}
	})
}
