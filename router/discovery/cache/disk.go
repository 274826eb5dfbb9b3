package cache

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Disk is a layer in a directory of one file per key. A file is replaced whole, so that
// whenever the process or the machine dies it is the old or the new one. Links are not
// followed.
type Disk struct {
	dir   string
	scope string
	clock func() time.Time
	tidy  sync.Once
}

// mostOnDisk bounds what is read of a file that is not ours, in bytes.
const mostOnDisk = 256 << 20

// writing begins the names of files that are not complete.
const writing = ".writing-"

// NewDisk returns a layer in dir, which is made when it is first written to.
func NewDisk(dir string, cfg Config) *Disk {
	return &Disk{dir: dir, scope: cfg.Scope, clock: cfg.Clock}
}

// Name is "disk".
func (d *Disk) Name() string { return "disk" }

// Get reads a file.
func (d *Disk) Get(_ context.Context, key string) ([]byte, error) {
	root, err := os.OpenRoot(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return read(root, fileName(key))
}

func read(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNone
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, flawed{"foreign", name + " is no file of the cache's"}
	case info.Size() > mostOnDisk:
		return nil, flawed{"foreign", fmt.Sprintf("%s is larger than any entry: %d bytes", name, info.Size())}
	}
	f, err := root.Open(name) // which a link that came since does not lead out of
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostOnDisk))
}

// Put replaces a file, unless it is newer.
func (d *Disk) Put(_ context.Context, key string, at time.Time, text []byte) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	d.tidy.Do(func() { d.sweep(root) })
	name := fileName(key)
	if there, err := read(root, name); err == nil {
		e, err := unseal(there, d.scope, key)
		if ahead := e.Time.Sub(d.clock()); err == nil && e.Time.After(at) && ahead <= MostSkew {
			return nil
		}
	}
	temporary := writing + rand.Text()
	if err := write(root, temporary, text); err != nil {
		return errors.Join(err, root.Remove(temporary))
	}
	if err := root.Rename(temporary, name); err != nil {
		return errors.Join(err, root.Remove(temporary))
	}
	return syncDirectory(root)
}

// sweep removes what was being written when a process before this one died, and lets
// nobody else in.
func (d *Disk) sweep(root *os.Root) {
	_ = root.Chmod(".", 0o700) // where it is not ours it stays as it is
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return // writing will tell
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), writing) && d.clock().Sub(info.ModTime()) > time.Minute {
			_ = root.Remove(e.Name()) // a remnant costs space, no more
		}
	}
}

func write(root *os.Root, name string, text []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDirectory makes a rename outlast a crash of the machine.
func syncDirectory(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// longest is how long a name of a file may be, with some room.
const longest = 200

// fileName is the name of a key's file: letters, digits, "-" and "_" as they are, all
// else as %XX; of a long one its beginning and its hash.
func fileName(key string) string {
	var name strings.Builder
	for _, b := range []byte(key) {
		if 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_' {
			name.WriteByte(b)
		} else {
			fmt.Fprintf(&name, "%%%02X", b)
		}
	}
	if name.Len() > longest {
		return fmt.Sprintf("%s~%x.entry", name.String()[:longest/2], sha256.Sum256([]byte(key)))
	}
	return name.String() + ".entry"
}
