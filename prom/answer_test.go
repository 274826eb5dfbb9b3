package prom

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// said answers every request with the same bytes.
type said []byte

func (s said) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(s)), Request: r}, nil
}

// FuzzAnswer: whatever a live server says, its rows have a value, which may be
// missing, for each step that was asked for.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[0,"1"],[1,"NaN"],[2,"+Inf"],[1e300,"1"],[-5,"-1"]]}]}}`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[0,{"count":"1","sum":"2","buckets":[[0,"0","1","3"]]}]]},null]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]},null]}}`,
		`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`,
		`{"status":"success","data":["a","b"],"warnings":["w"]}`,
		`{"status":"error","errorType":"internal","error":"x"}`, `{"status":"success"}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(text))
	}
	start := time.Unix(0, 0)
	f.Fuzz(func(t *testing.T, text []byte) {
		client, err := api.NewClient(api.Config{Address: "http://127.0.0.1:1", RoundTripper: said(text)})
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{api: v1.NewAPI(newWire(client, LiveLimits())), url: "http://127.0.0.1:1", limits: LiveLimits()}
		rows, err := s.Range(t.Context(), "x", start, start.Add(3*time.Second), time.Second)
		for _, row := range rows {
			if err == nil && len(row.Values) != 4 {
				t.Errorf("%d values for 4 steps", len(row.Values))
			}
		}
		_, _ = s.Now(t.Context())     // an error or not: no panic
		_, _ = s.Metrics(t.Context()) // the same
	})
}
