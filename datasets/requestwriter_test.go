package datasets

import (
	"bufio"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

// TestRequestWriter: what was written is read again, whatever is in the names.
func TestRequestWriter(t *testing.T) {
	at := time.Unix(1_767_225_600, 250_001_000)
	want := []Request{
		{Time: at, Service: "shop", Class: "a", Method: "GET", Path: "/", Endpoint: "e0", Propensity: 0.125, Latency: 1500 * time.Microsecond, Status: 200, Deadline: time.Second},
		{Time: at, Service: "s,1", Class: `"`, Path: "/a\nb", Endpoint: `e "1", two`, Propensity: math.NaN(), Status: 0},
	}
	var text strings.Builder
	out := bufio.NewWriter(&text)
	w := NewRequestWriter(out)
	for i := range want {
		if err := w.Write(&want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	n := 0
	readRequests("requests.csv", strings.NewReader(text.String()), func(r Request, err error) bool {
		if err != nil || n == len(want) {
			t.Errorf("after %d requests: %+v, %v, of\n%s", n, r, err, &text)
			return false
		}
		known := !math.IsNaN(want[n].Propensity)
		if known == math.IsNaN(r.Propensity) || known && r.Propensity != want[n].Propensity || !r.Time.Equal(want[n].Time) {
			t.Errorf("request %d was read as %+v; want %+v", n, r, want[n])
		}
		r.Time, r.Propensity = want[n].Time, 0
		if q := want[n]; r != (Request{q.Time, q.Service, q.Class, q.Method, q.Path, q.Endpoint, 0, q.Latency, q.Status, q.Deadline}) {
			t.Errorf("request %d was read as %+v; want %+v", n, r, q)
		}
		n++
		return true
	})
	if n != len(want) {
		t.Errorf("%d of %d requests were read", n, len(want))
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestRequestWriterStops: a line says that an earlier one could not be written.
func TestRequestWriterStops(t *testing.T) {
	w := NewRequestWriter(bufio.NewWriterSize(full{}, 16))
	if err := w.Write(&Request{Time: time.Unix(1, 0)}); !errors.Is(err, errFull) {
		t.Errorf("on a full disk: %v", err)
	}
}
