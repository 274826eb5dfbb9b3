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
// followed. Several processes may share a directory: they take turns to write.
type Disk struct {
	dir string
	cfg Config
	// tidy sweeps once.
	tidy sync.Once
}

// writing begins the names of files that are not complete.
const writing = ".writing-"

// NewDisk returns a layer in dir, which is made when it is first written to.
func NewDisk(dir string, cfg Config) *Disk { return &Disk{dir: dir, cfg: cfg} }

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
	if err := d.ours(root); err != nil {
		return nil, err
	}
	return read(root, fileName(key))
}

// ours refuses a directory that others can write to: they would choose where requests
// go. What is signed they cannot forge.
func (d *Disk) ours(root *os.Root) error {
	info, err := root.Stat(".")
	if err != nil || len(d.cfg.Keys) > 0 {
		return err
	}
	if who := writer(info); who != "" {
		return fmt.Errorf("%s can be written to by %s, who could choose where requests go: change its owner or mode, name another by --cache, or have entries signed, --cache-key", d.dir, who)
	}
	return nil
}

func read(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err == nil {
		err = entry(info)
	}
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|nonblocking, 0) // a link or a pipe that came since is neither followed out of the directory nor waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = entry(info)
	}
	if err != nil {
		return nil, err
	}
	text := make([]byte, info.Size())
	n, err := io.ReadFull(f, text)
	if errors.Is(err, io.ErrUnexpectedEOF) { // it was cut meanwhile; its sum will tell
		err = nil
	}
	return text[:n], err
}

// entry refuses what cannot be a file of the cache's.
func entry(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return Foreign(info.Name() + " is no file of the cache's")
	case info.Size() > MostText:
		return Foreign(fmt.Sprintf("%s is larger than any entry: %d bytes", info.Name(), info.Size()))
	}
	return nil
}

// Put replaces a file, unless it is newer.
func (d *Disk) Put(ctx context.Context, key string, at time.Time, text []byte) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	d.tidy.Do(func() { d.sweep(ctx, root) })
	if err := d.ours(root); err != nil {
		return err
	}
	release, err := turn(ctx, root)
	if err != nil {
		return fmt.Errorf("another process writes to %s for too long: %w", d.dir, err)
	}
	defer release()
	name := fileName(key)
	if there, err := read(root, name); err == nil {
		e, err := unseal(there, d.cfg.Scope, key, d.cfg.Keys...)
		if ahead := e.Time.Sub(d.cfg.Clock()); err == nil && e.Time.After(at) && ahead <= MostSkew {
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

// mostNames bounds how much of a directory is looked through.
const mostNames = 100_000

// sweep removes what was being written when a process before this one died, and lets
// nobody else in.
func (d *Disk) sweep(ctx context.Context, root *os.Root) {
	_ = root.Chmod(".", 0o700) // where it is not ours it stays as it is
	dir, err := root.Open(".")
	if err != nil {
		return // writing will tell
	}
	defer dir.Close()
	for range mostNames / 1000 {
		names, err := dir.Readdirnames(1000)
		for _, name := range names {
			if !strings.HasPrefix(name, writing) {
				continue
			}
			if info, err := root.Lstat(name); err == nil && d.cfg.Clock().Sub(info.ModTime()) > time.Minute {
				_ = root.Remove(name) // a remnant costs space, no more
			}
		}
		if err != nil || ctx.Err() != nil {
			return
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
