package datasets

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const requestHead = "time,service,class,method,path,endpoint,propensity,latency_seconds,status,deadline_seconds\n"

func readAll(text string) (requests []Request, err error) {
	readRequests("log.csv", strings.NewReader(text), func(r Request, e error) bool {
		if e != nil {
			err = e
			return false
		}
		requests = append(requests, r)
		return true
	})
	return requests, err
}

func TestRequests(t *testing.T) {
	got, err := readAll(requestHead + "1767225600.250,shop,light,GET,/,e1,0.25,0.0125,200,1\n1767225601,shop,,,,e2,,1.5,0,\n")
	if err != nil {
		t.Fatal(err)
	}
	first := Request{
		Time: time.Date(2026, 1, 1, 0, 0, 0, 250e6, time.UTC), Service: "shop", Class: "light", Method: "GET", Path: "/",
		Endpoint: "e1", Propensity: 0.25, Latency: 12500 * time.Microsecond, Status: 200, Deadline: time.Second,
	}
	if len(got) != 2 || got[0] != first {
		t.Errorf("read %+v; want first %+v", got, first)
	}
	if !math.IsNaN(got[1].Propensity) || !got[1].Failed() || got[0].Failed() {
		t.Errorf("the second request reads %+v; want an unknown propensity and a failure", got[1])
	}
}

func TestRequestsSayWhichLineIsBad(t *testing.T) {
	const good = "1,shop,light,GET,/,e1,0.25,0.0125,200,1\n"
	for line, want := range map[string]string{
		"x,shop,light,GET,/,e1,0.25,0.01,200,1\n":   "time",
		"1,shop,light,GET,/,e1,0,0.01,200,1\n":      "propensity",
		"1,shop,light,GET,/,e1,1.5,0.01,200,1\n":    "propensity",
		"1,shop,light,GET,/,e1,0.25,-1,200,1\n":     "latency_seconds",
		"1,shop,light,GET,/,e1,0.25,0.01,good,1\n":  "status",
		"1,shop,light,GET,/,e1,0.25,,200,1\n":       "latency_seconds",
		"1,shop,light,GET,/,e1,0.25,0.01,200\n":     "number of fields",
		"NaN,shop,light,GET,/,e1,0.25,0.01,200,1\n": "time",
	} {
		requests, err := readAll(requestHead + good + line)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "log.csv:3: ") {
			t.Errorf("%q gives the error %v; want one about %s on line 3", line, err, want)
		}
		if len(requests) != 1 {
			t.Errorf("%q: %d requests before it; want 1", line, len(requests))
		}
	}
}

// TestRequestLogThatIsCut holds that a log whose copy broke off is no shorter log.
func TestRequestLogThatIsCut(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	random := rand.New(rand.NewPCG(1, 1))
	fmt.Fprint(w, requestHead)
	for i := range 2000 {
		fmt.Fprintf(w, "%d,shop,light,GET,/,e1,0.25,%v,200,1\n", i, random.Float64())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"cut":     {packed.String()[:packed.Len()/2], "the file breaks off"},
		"empty":   {"", "is not gzip"},
		"no gzip": {requestHead, "is not gzip"},
	} {
		r := openTest(t, writeRecording(t, constant, map[string]string{"requests.csv.gz": c.text}))
		var last error
		for _, err := range r.Requests() {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), c.want) || !strings.Contains(last.Error(), "requests.csv.gz:") {
			t.Errorf("%s: %v; want the file and %q", name, last, c.want)
		}
	}
}

func FuzzRequests(f *testing.F) {
	f.Add(requestHead + "1,shop,light,GET,/,e1,0.25,0.0125,200,1\n")
	f.Add("time,service\n")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, text string) {
		requests, err := readAll(text)
		for _, r := range requests {
			if r.Latency < 0 || r.Propensity <= 0 || r.Propensity > 1 {
				t.Errorf("accepted %+v (error %v)", r, err)
			}
		}
	})
}
