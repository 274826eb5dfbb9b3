package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func written(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, sample()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sealed appends the checksum, as if Write had made the content.
func sealed(content []byte) []byte {
	sum := sha256.Sum256(content)
	return append(bytes.Clone(content), sum[:]...)
}

// forged is a whole, sealed file with another header and n bytes of
// parameters.
func forged(header string, n int) []byte {
	content := append([]byte(magic), make([]byte, prologue-len(magic))...)
	binary.LittleEndian.PutUint32(content[8:], layout)
	binary.LittleEndian.PutUint32(content[12:], uint32(len(header)))
	binary.LittleEndian.PutUint64(content[16:], uint64(n))
	return sealed(append(append(content, header...), make([]byte, n)...))
}

func TestWriteRead(t *testing.T) {
	file := written(t)
	got, err := Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
	var again bytes.Buffer
	if err := Write(&again, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, again.Bytes()) {
		t.Error("writing what was read gives another file")
	}
}

func TestOneNetworkIsEnough(t *testing.T) {
	for name, drop := range map[string]func(*Model){
		"routing": func(m *Model) { m.Routing = nil },
		"failure": func(m *Model) { m.Failure = nil },
	} {
		m := sample()
		drop(m)
		var b bytes.Buffer
		if err := Write(&b, m); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("without %s (-written +read)\n%s", name, diff)
		}
	}
}

func TestAnyCutIsRefused(t *testing.T) {
	file := written(t)
	for n := range file {
		_, err := Read(bytes.NewReader(file[:n]))
		if err == nil || n > 0 && !strings.Contains(err.Error(), "cut off") {
			t.Fatalf("%d of %d bytes: error %v; want one that says cut off", n, len(file), err)
		}
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	file := written(t)
	edit := func(at int, b ...byte) []byte {
		c := bytes.Clone(file)
		copy(c[at:], b)
		return c
	}
	const start = `{"format":"fairway-model/1","schema":{"series":[{"name":"request_rate"}]},"routing":{"layers":[`
	tests := map[string]struct {
		file []byte
		want string
	}{
		"empty":            {nil, `not a model file: it begins with ""`},
		"foreign":          {[]byte("PK\x03\x04 something else"), `not a model file: it begins with "PK`},
		"newer":            {edit(8, 4), "layout version 4; this program reads 1 to 3"},
		"huge header":      {edit(12, 255, 255, 255, 255), "claims 4294967295 bytes of header"},
		"huge parameters":  {edit(16, 0, 0, 0, 0, 0, 0, 0, 255), "at most 16777216 and 67108864"},
		"odd parameters":   {edit(16, file[16]+1), "in fours"},
		"changed":          {edit(40, 'x'), "SHA-256"},
		"trailing":         {append(bytes.Clone(file), 0), "something follows"},
		"not JSON":         {forged(`{`, 0), "header: unexpected end of JSON"},
		"other format":     {forged(`{"format":"fairway-model/9"}`, 0), `format "fairway-model/9"`},
		"nothing in it":    {forged(`{"format":"fairway-model/1"}`, 0), "neither a routing nor a failure network"},
		"no shape":         {forged(start+`{"in":-1,"out":5}]}}`, 0), "a layer is -1 → 5"},
		"more than it has": {forged(start+`{"in":2,"out":5}]}}`, 40), "have 15 parameters, the file holds 10"},
		"figure":           {forged(`{"card":{"figures":{"a":"b"}}}`, 0), `figure "a" is "b"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(bytes.NewReader(test.file)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want one with %q", err, test.want)
			}
		})
	}
}

// TestClaimsAllocateNothing: neither the lengths of the prologue nor the
// shapes of a well-sealed header make memory that the file does not fill.
func TestClaimsAllocateNothing(t *testing.T) {
	long := append([]byte(magic), make([]byte, prologue-len(magic))...)
	binary.LittleEndian.PutUint32(long[8:], layout)
	binary.LittleEndian.PutUint32(long[12:], maxHeader)
	binary.LittleEndian.PutUint64(long[16:], maxParameters)
	wide := `{"in":65536,"out":65536}`
	tests := map[string][]byte{
		"lengths": long,
		"shapes":  forged(`{"format":"fairway-model/1","routing":{"layers":[`+strings.Repeat(wide+",", 1000)+wide+`]}}`, 4),
	}
	for name, file := range tests {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(bytes.NewReader(file))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: read", name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, n, len(file))
		}
	}
}

func TestWriteRefusesNaN(t *testing.T) {
	m := sample()
	m.Routing.Layers[1].W[3] = float32(math.NaN())
	if err := Write(&bytes.Buffer{}, m); err == nil || !strings.Contains(err.Error(), "routing: layer 2: parameter 3 is NaN") {
		t.Errorf("error %v", err)
	}
}

// TestSaveKeepsWhatWasThere: a save that fails leaves the old file and nothing
// else.
func TestSaveKeepsWhatWasThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.model")
	if err := Save(path, sample()); err != nil {
		t.Fatal(err)
	}
	broken := sample()
	broken.Routing.Kind = "guess"
	if err := Save(path, broken); err == nil {
		t.Error("a model that is not valid was saved")
	}
	m, err := Load(path)
	if err != nil || m.Name != "shop" {
		t.Errorf("load: %v, %v", m, err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("files left: %v (%v)", files, err)
	}
	if err := Save(filepath.Join(path, "below", "a-file"), sample()); err == nil {
		t.Error("saved where no directory is")
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte("remember the milk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("error %v; want one that names the file", err)
	}
	if _, err := Load(path + ".missing"); err == nil {
		t.Error("a missing file was loaded")
	}
}

// FuzzRead: whatever is read is valid, and writing it gives a model that reads
// the same. The checksum is made right, so that the fuzzer gets past it.
func FuzzRead(f *testing.F) {
	file := written(f)
	f.Add(file[:len(file)-sha256.Size])
	f.Add(forged(`{"format":"fairway-model/1"}`, 8))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := Read(bytes.NewReader(sealed(content)))
		if err != nil {
			return
		}
		var b, text bytes.Buffer
		if err := Write(&b, m); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		if _, err := Read(&b); err != nil {
			t.Fatalf("written but not read: %v", err)
		}
		if err := m.WriteText(&text); err != nil {
			t.Fatal(err)
		}
	})
}

// A network of before its outputs corrected the formula of the queue has the
// shape of one of today and would answer, wrongly.
func TestOutcomeOfAFormerLayoutIsRefused(t *testing.T) {
	file := written(t)
	header := binary.LittleEndian.Uint32(file[12:])
	was := regexp.MustCompile(`"bounds": \{[^}]*\}`)
	old := was.ReplaceAll(file[prologue:prologue+int(header)], []byte(`"bounds": {"low": 0.05, "high": 50}`))
	content := append(bytes.Clone(file[:prologue]), old...)
	binary.LittleEndian.PutUint32(content[8:], 1)
	binary.LittleEndian.PutUint32(content[12:], uint32(len(old)))
	content = append(content, file[prologue+int(header):len(file)-sha256.Size]...)
	if _, err := Read(bytes.NewReader(sealed(content))); err == nil || !strings.Contains(err.Error(), "outcome networks of a former fairway") || !strings.Contains(err.Error(), "train again") {
		t.Errorf("error %v", err)
	}
}

// TestFailureNetworkOfAFormerLayout: its inputs meant something else. A model
// that routes too goes on without it; one that does not is refused.
func TestFailureNetworkOfAFormerLayout(t *testing.T) {
	former := func(m *Model) []byte {
		var b bytes.Buffer
		if err := Write(&b, m); err != nil {
			t.Fatal(err)
		}
		content := b.Bytes()[:b.Len()-sha256.Size]
		binary.LittleEndian.PutUint32(content[8:], oldFailures)
		return sealed(content)
	}
	m, err := Read(bytes.NewReader(former(sample())))
	if err != nil || m.Failure != nil || m.Routing == nil || !strings.Contains(strings.Join(m.Card.Notes, " "), "left out") {
		t.Errorf("%v: failure network %v, notes %q", err, m != nil && m.Failure != nil, m.Card.Notes)
	}
	alone := sample()
	alone.Routing = nil
	if _, err := Read(bytes.NewReader(former(alone))); err == nil || !strings.Contains(err.Error(), "train again") {
		t.Errorf("error %v; want advice", err)
	}
}
