package redis

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
)

// rights are what a user needs; docs/discovery.md tells them too.
const rights = "ACL SETUSER … ~fairway:* +hget +hset +pexpire +del +time +evalsha +eval +select"

const certificates = "wants certificates of its clients, which are not supported: tls-auth-clients no, and a password"

// advice says what to do about an error, by what is in it.
var advice = []struct{ in, do string }{
	{"NOAUTH", "it wants a password: redis://user:password@host"},
	{"WRONGPASS", "it does not know this user, or not by this password"},
	{"NOPERM", "the user may not do that: " + rights},
	{"DB index is out of range", "it has no database of the number at the end of the URL"},
	{"SELECT is not allowed in cluster mode", "it is one of a cluster, which is not supported: name one that is none"},
	{"MOVED ", "it is one of a cluster, which is not supported: name one that is none"},
	{"ASK ", "it is one of a cluster, which is not supported: name one that is none"},
	{"CLUSTERDOWN", "it is one of a cluster, which is not supported: name one that is none"},
	{"OOM ", "its memory is full: raise its maxmemory, or let it evict (maxmemory-policy allkeys-lru)"},
	{"READONLY", "it is a read-only copy of another: name that one"},
	{"MASTERDOWN", "it is a copy of another that it does not reach: name that one"},
	{"MISCONF", "it cannot write to its own disk, and takes nothing until it can"},
	{"LOADING", "it has just begun, and reads its own disk"},
	{"DENIED", "it is in protected mode: give it a password, or bind it to the loopback"},
	{"max number of clients reached", "raise its maxclients"},
	{"first record does not look like a TLS handshake", "where it speaks none there: redis:// instead of rediss://, or its tls-port"},
	{"certificate signed by unknown authority", "SSL_CERT_FILE names a file with the roots that are believed"},
	{"certificate required", "it " + certificates},
}

// explained is an error with what to do about it, or with what the cache makes of it.
func (r *Redis) explained(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if strings.HasPrefix(text, "WRONGTYPE") {
		return cache.Foreign("it is nothing that a fairwayd has written: " + text)
	}
	for _, a := range advice {
		if strings.Contains(text, a.in) {
			return fmt.Errorf("%w; %s", err, a.do)
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	if r.secure {
		return fmt.Errorf("%w: it has closed the connection; where it %s", err, certificates)
	}
	return fmt.Errorf("%w: it has closed the connection; where it wants TLS: rediss://", err)
}
