package model

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNoDamageIsLoaded flips every bit of a file, some of them on disk, and cuts
// it there at every byte.
func TestNoDamageIsLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.model")
	if err := Save(path, sample()); err != nil {
		t.Fatal(err)
	}
	file := written(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	damaged := bytes.Clone(file)
	for at := range file {
		for bit := range 8 {
			damaged[at] ^= 1 << bit
			if _, err := Read(bytes.NewReader(damaged)); err == nil {
				t.Fatalf("read with bit %d of byte %d of %d flipped", bit, at, len(file))
			}
			damaged[at] = file[at]
		}
	}
	random := rand.New(rand.NewPCG(7, 0))
	for range 200 {
		at := random.IntN(len(file))
		if _, err := f.WriteAt([]byte{file[at] ^ 1<<random.IntN(8)}, int64(at)); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil {
			t.Fatalf("loaded with a bit of byte %d of %d flipped", at, len(file))
		}
		if _, err := f.WriteAt(file[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(path); err != nil {
		t.Fatal("as it was: ", err)
	}
	for n := len(file) - 1; n >= 0; n-- {
		if err := f.Truncate(int64(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil {
			t.Fatalf("loaded with %d of %d bytes", n, len(file))
		}
	}
}

// TestNoLostBlockIsLoaded plays disks that lose, exchange or repeat blocks of a
// model of many.
func TestNoLostBlockIsLoaded(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 0))
	var b bytes.Buffer
	if err := Write(&b, sample()); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	const block = 512
	whole := len(file) / block
	for range 500 {
		i, j := random.IntN(whole)*block, random.IntN(whole)*block
		for what, damage := range map[string]func(c []byte){
			"zeroed":    func(c []byte) { clear(c[i : i+block]) },
			"repeated":  func(c []byte) { copy(c[i:i+block], c[j:j+block]) },
			"scrambled": func(c []byte) { c[i+random.IntN(block)] = byte(random.Uint32()) },
		} {
			c := bytes.Clone(file)
			if damage(c); bytes.Equal(c, file) {
				continue
			}
			if _, err := Read(bytes.NewReader(c)); err == nil {
				t.Fatalf("read with the block at %d %s (of %d)", i, what, j)
			}
		}
	}
}

// TestADamagedLatestIsNotServed holds that a registry passes over nothing in
// silence, and can be mended by promoting another version.
func TestADamagedLatestIsNotServed(t *testing.T) {
	d := open(t, t.TempDir())
	ctx := context.Background()
	publish(t, d, "good")
	bad := publish(t, d, "bad")
	text, err := os.ReadFile(d.file(bad))
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 4
	if err := os.WriteFile(d.file(bad), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := d.Latest(ctx); err == nil {
		t.Errorf("served %q", m.Name)
	}
	if err := d.Promote(ctx, bad); err == nil {
		t.Error("a damaged version was promoted")
	}
	if err := d.RollBack(ctx, bad, bad, ""); err == nil {
		t.Error("a damaged version was gone back to")
	}
	entries, err := d.List(ctx)
	if err != nil || !slices.ContainsFunc(entries, func(e Entry) bool { return e.Version == bad && e.Latest && e.Err != nil }) {
		t.Errorf("the list %+v, %v; want the damage in it", entries, err)
	}
	events, err := d.Events(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := Before(SubjectModel, entries, events)
	if err := d.RollBack(ctx, bad, before, "it is damaged"); err != nil || before != 1 {
		t.Fatalf("back to %d: %v; want 1", before, err)
	}
	if m, err := d.Latest(ctx); err != nil || m.Name != "good" {
		t.Errorf("latest after that: %v, %v", m, err)
	}
	for _, text := range []string{"", "\n", "0\n", "-1\n", "one\n", "18446744073709551616\n", "\x00\x00"} {
		if err := os.WriteFile(filepath.Join(d.path, pointer), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := d.Latest(ctx); err == nil {
			t.Errorf("with %q as the latest %q was served", text, m.Name)
		}
	}
	if err := d.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Latest(ctx); err != nil {
		t.Errorf("mended by promoting: %v", err)
	}
}
