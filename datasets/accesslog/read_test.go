package accesslog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/fairway-mesh/fairway/datasets"
)

func endpoints(requests []datasets.Request) string {
	var names []string
	for _, r := range requests {
		names = append(names, r.Endpoint)
	}
	return strings.Join(names, " ")
}

func TestRecognise(t *testing.T) {
	for name, lines := range sample {
		got, tally, err := all(t, DefaultConfig(), file(t, "access.log", text(lines)))
		if err != nil || tally.Files[0].Format != name || len(got) == 0 {
			t.Errorf("%s is taken for %+v: %v", name, tally.Files, err)
		}
	}
	both := strings.TrimSuffix(istioJSONLine, "}") + "," + strings.TrimPrefix(nginxJSONLine, "{")
	_, _, err := all(t, DefaultConfig(), file(t, "access.log", text(both)))
	if err == nil || !strings.Contains(err.Error(), "as much of envoy-json as of nginx-json") {
		t.Errorf("a line of two formats: %v", err)
	}
	c := DefaultConfig()
	c.Format = "nginx-json"
	if got, _, err := all(t, c, file(t, "access.log", text(both))); err != nil || endpoints(got) != "10.0.0.1:80" {
		t.Errorf("named: %v %v", got, err)
	}
	for text, want := range map[string]string{
		"": "empty", "\n\n": "no line in it", "hello\nworld\n": `"hello"`, "\x00\xff\xfe\n": "no line",
		`1.2.3.4:1 [27/Nov/2026:00:35:57.527] tcp tcpshop/s1 1/0/3 113 -- 1/1/0/0/0 0/0`: "option httplog",
		`10.0.1.2 - - [27/Nov/2026:00:35:56 +0000] "GET / HTTP/1.1" 200 17 "-" "curl"`:   "another log_format",
	} {
		if _, _, err := all(t, DefaultConfig(), file(t, "access.log", text)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "access.log") {
			t.Errorf("%q gives the error %v; want one about %q", text, err, want)
		}
	}
}

// TestOrder puts requests in the order of their arrival, of one file and of two.
func TestOrder(t *testing.T) {
	one := file(t, "one.log", text(haproxyAt(3, 100, "c"), haproxyAt(1, 5000, "a"), haproxyAt(9, 1, "f"), haproxyAt(8, 2000, "e")))
	two := file(t, "two.log", text(haproxyAt(2, 10, "b"), haproxyAt(4, 10, "d"), haproxyAt(10, 10, "g")))
	got, tally, err := all(t, DefaultConfig(), one, two)
	if err != nil || endpoints(got) != "a b c d e f g" {
		t.Errorf("%s, %v", endpoints(got), err)
	}
	if sum := tally.Sum(); sum.Requests != 7 || sum.Late != 0 {
		t.Errorf("%+v", sum)
	}
}

// TestLate counts what comes later than the window, in time and in number.
func TestLate(t *testing.T) {
	lines := []string{haproxyAt(0, 1, "a"), haproxyAt(60, 1, "b"), haproxyAt(30, 30_100, "late"), haproxyAt(120, 1, "c")}
	c := DefaultConfig()
	if got, _, err := all(t, c, file(t, "a.log", text(lines...))); err != nil || endpoints(got) != "a late b c" {
		t.Errorf("%s, %v", endpoints(got), err)
	}
	c.Window = 20 * time.Second
	lines = slices.Insert(lines, 2, haproxyAt(90, 1, "gone"))
	got, tally, err := all(t, c, file(t, "a.log", text(lines...)))
	if err != nil || endpoints(got) != "a b gone c" || tally.Sum().Late != 1 || tally.First[0].Line != 4 {
		t.Errorf("%s, %+v, %v", endpoints(got), tally, err)
	}
	c = DefaultConfig()
	c.Most = 1
	if got, tally, err := all(t, c, file(t, "a.log", text(lines...))); err != nil || tally.Sum().Late != 1 {
		t.Errorf("held two at most: %s, %+v, %v", endpoints(got), tally.Sum(), err)
	}
}

// TestFlat holds no more of a long log than it was told to.
func TestFlat(t *testing.T) {
	var lines []string
	for i := range 20_000 {
		lines = append(lines, haproxyAt(float64(i)/1000, 1+i%50, "a"))
	}
	c := DefaultConfig()
	c.Most = 200
	s, err := openStream(&c, &Tally{}, file(t, "a.log", text(lines...)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.lines.close()
	for err == nil {
		if _, err = s.next(); len(s.waiting.items) > c.Most {
			t.Fatalf("%d requests wait", len(s.waiting.items))
		}
	}
	if err != io.EOF || s.tally.Requests != len(lines) {
		t.Errorf("%v, %+v", err, s.tally)
	}
}

// TestAbsurdTimes: one clock that is wrong does not make the others late.
func TestAbsurdTimes(t *testing.T) {
	day := 86400.0
	for name, lines := range map[string][]string{
		"first": {haproxyAt(-400*day, 1, "x"), haproxyAt(1, 1, "a"), haproxyAt(2, 1, "b"), haproxyAt(3, 1, "c")},
		"amid":  {haproxyAt(1, 1, "a"), haproxyAt(2, 1, "b"), haproxyAt(400*day, 1, "x"), haproxyAt(3, 1, "c")},
		"last":  {haproxyAt(1, 1, "a"), haproxyAt(2, 1, "b"), haproxyAt(3, 1, "c"), haproxyAt(400*day, 1, "x")},
	} {
		got, tally, err := all(t, DefaultConfig(), file(t, "a.log", text(lines...)))
		if err != nil || endpoints(got) != "a b c" || tally.Sum().Bad != 1 || !strings.Contains(tally.First[0].Reason, "a day from") {
			t.Errorf("%s: %s, %+v, %v", name, endpoints(got), tally, err)
		}
	}
	gap := text(haproxyAt(1, 1, "a"), haproxyAt(2, 1, "b"), haproxyAt(3*day, 1, "c"), haproxyAt(3*day+1, 1, "d"))
	if got, _, err := all(t, DefaultConfig(), file(t, "a.log", gap)); err != nil || endpoints(got) != "a b c d" {
		t.Errorf("a gap of days: %s, %v", endpoints(got), err)
	}
	if got, _, err := all(t, DefaultConfig(), file(t, "a.log", text(haproxyAt(1, 1, "a")))); err != nil || endpoints(got) != "a" {
		t.Errorf("one line: %s, %v", endpoints(got), err)
	}
}

// TestForms reads packed files, Windows' line ends, long lines and rubbish.
func TestForms(t *testing.T) {
	log := text(haproxyAt(1, 1, "a"), haproxyAt(2, 1, "b"))
	var gz bytes.Buffer
	for _, part := range []string{log[:40], log[40:]} { // one gzip behind another
		w := gzip.NewWriter(&gz)
		if _, err := w.Write([]byte(part)); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Replace(haproxyAt(1.5, 1, "long"), `"GET /`, `"GET /`+strings.Repeat("x", 900_000), 1)
	for name, c := range map[string]struct {
		content, want string
		bad           int
	}{
		"plain":   {log, "a b", 0},
		"gzip":    {gz.String(), "a b", 0},
		"zstd":    {string(encoder.EncodeAll([]byte(log), nil)), "a b", 0},
		"crlf":    {strings.ReplaceAll(log, "\n", "\r\n"), "a b", 0},
		"no end":  {strings.TrimSuffix(log, "\n"), "a b", 0},
		"cut":     {strings.TrimSuffix(log+haproxyAt(3, 1, "c"), `.1"`), "a b", 1},
		"long":    {log + long + "\n", "a long b", 0},
		"longer":  {log + strings.Repeat("x", 3<<20) + "\n" + haproxyAt(3, 1, "c"), "a b c", 1},
		"rubbish": {log + "\x00\x01\x02\xff\n\xff\xfe\n", "a b", 2},
	} {
		got, tally, err := all(t, DefaultConfig(), file(t, name, c.content))
		if err != nil || endpoints(got) != c.want || tally.Sum().Bad != c.bad {
			t.Errorf("%s: %s, %+v, %v; want %s and %d bad", name, endpoints(got), tally.Sum(), err, c.want, c.bad)
		}
		for _, r := range got {
			if len(r.Path) > longestName {
				t.Errorf("%s: a path of %d bytes is kept", name, len(r.Path))
			}
		}
		if name == "longer" && tally.First[0].Line != 3 {
			t.Errorf("the long line is number %d", tally.First[0].Line)
		}
		if name == "cut" && !strings.Contains(tally.First[0].Reason, "last line") {
			t.Errorf("the cut line: %v", tally.First)
		}
	}
	whole := gz.String()
	if _, _, err := all(t, DefaultConfig(), file(t, "half.gz", whole[:len(whole)-12])); err == nil || !strings.Contains(err.Error(), "breaks off") {
		t.Errorf("half a gzip: %v", err)
	}
}

// TestMostlyBad refuses what is not the log that it is said to be.
func TestMostlyBad(t *testing.T) {
	log := text(haproxyAt(1, 1, "a"), "one", "two", haproxyAt(2, 1, "b"), "three")
	_, tally, err := all(t, DefaultConfig(), file(t, "a.log", log))
	if err == nil || !strings.Contains(err.Error(), "of 5 lines 3 could not be read as haproxy") || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
	if len(tally.First) != 3 || !strings.Contains(tally.First[0].String(), "a.log:2: is no line of haproxy") {
		t.Errorf("%v", tally.First)
	}
	var many []string
	for i := range 100 {
		many = append(many, haproxyAt(float64(i), 1, "a"), fmt.Sprintf("line %d", i))
	}
	c := DefaultConfig()
	c.Keep = 7
	if _, tally, err := all(t, c, file(t, "a.log", text(many...))); err != nil || len(tally.First) != 7 || tally.Sum().Bad != 100 {
		t.Errorf("%v: %d kept of %+v", err, len(tally.First), tally.Sum())
	}
	nowhere := strings.ReplaceAll(text(many[0], many[2]), "shop/a", "shop/<NOSRV>")
	if _, tally, err := all(t, DefaultConfig(), file(t, "a.log", nowhere)); err == nil || !strings.Contains(err.Error(), "no request was sent to an endpoint") || tally.Sum().Nowhere != 2 || tally.Sum().Bad != 0 {
		t.Errorf("%v %+v", err, tally.Sum())
	}
}

func TestReadEnds(t *testing.T) {
	var lines []string
	for i := range 5000 {
		lines = append(lines, haproxyAt(float64(i), 1, "a"))
	}
	path := file(t, "a.log", text(lines...))
	for range Read(t.Context(), DefaultConfig(), &Tally{}, path) {
		break // must not be called again
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range Read(ctx, DefaultConfig(), &Tally{}, path) {
		if n++; n == 100 {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) || n > 2000 {
		t.Errorf("%d requests after the end, %v", n, last)
	}
	if _, _, err := all(t, DefaultConfig(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestService gives all requests one service, also where the log names none.
func TestService(t *testing.T) {
	c := DefaultConfig()
	c.Service = "mine"
	c.Deadline = time.Second
	c.Location = time.FixedZone("", 3600)
	got, _, err := all(t, c, file(t, "a.log", text(haproxyAt(3600, 1, "a"))))
	if err != nil || got[0].Service != "mine" || got[0].Deadline != time.Second || !got[0].Time.Equal(date("00:00:00")) {
		t.Errorf("%+v %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, lines := range sample {
		f.Add([]byte(text(lines)))
	}
	f.Add([]byte(text(haproxyAt(1, 1, "a"), haproxyAt(9e5, 1, "b"), haproxyAt(0, 90_000, "c"))))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, tally, err := all(t, DefaultConfig(), path)
		if !slices.IsSortedFunc(got, func(a, b datasets.Request) int { return a.Time.Compare(b.Time) }) {
			t.Error("out of order")
		}
		if sum := tally.Sum(); err == nil && (2*(sum.Bad+sum.Late) > sum.Lines || sum.Requests != len(got)) {
			t.Errorf("%+v", sum)
		}
	})
}
