package main

import (
	"fmt"
	"os"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis"
)

// mostKeys bounds the file of --cache-key, in bytes: what is larger is another file.
const mostKeys = 4096

// cacheKeys are those of --cache-key, nil without. It is read once: who changes the keys
// starts the daemon again.
func (d *daemon) cacheKeys() ([][]byte, error) {
	if d.cacheKey == "" {
		d.warnUnsigned()
		return nil, nil
	}
	info, err := os.Stat(d.cacheKey)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > mostKeys:
		return nil, fmt.Errorf("%s is no file of at most %d bytes", d.cacheKey, mostKeys)
	case info.Mode()&0o007 != 0:
		d.log.Warn("everybody on this machine may read the key of the cache, and so forge entries: chmod o-rwx, or defaultMode: 0440 of a Secret", "file", d.cacheKey, "mode", info.Mode())
	}
	text, err := os.ReadFile(d.cacheKey)
	if err != nil {
		return nil, err
	}
	keys, err := cache.ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.cacheKey, err)
	}
	return keys, nil
}

// warnUnsigned tells of a Redis beyond this machine that nobody's word is checked of.
func (d *daemon) warnUnsigned() {
	if d.redis == "" {
		return
	}
	r, err := redis.New(d.redis, "") // which connects to nothing
	if err != nil {
		return // check has told
	}
	defer r.Close()
	if !r.Local() {
		d.log.Warn("whoever can write to the Redis that daemons share chooses where requests go, for what they keep there is not signed: give each of them the same --cache-key FILE, made by openssl rand -hex 32")
	}
}
