#!/bin/sh
# Builds Traefik v3.7.13 from its Go module into out/traefik: about 11 minutes
# of one processor, once. Three modules that it needs cannot be had as they are,
# or drag in the clients of a hundred DNS providers; they are replaced by stubs.
# So this Traefik solves no DNS challenge, and refuses every basic or digest
# authentication. It has no dashboard either.
#
#   sh examples/traefik/build.sh [DIRECTORY]     default: out
set -eu
version=v3.7.13
out=$(mkdir -p "${1:-out}" && cd "${1:-out}" && pwd)
work=$out/.traefik
rm -rf "$work" && mkdir -p "$work/ext" "$work/auth" "$work/main"
cd "$work/main"
export GOFLAGS=-mod=mod GOWORK=off
dir() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p'; }

traefik=$(dir github.com/traefik/traefik/v3@$version)
[ -n "$traefik" ] || { echo "github.com/traefik/traefik/v3@$version cannot be fetched" >&2; exit 1; }
lego=$(sed -n 's|^\tgithub.com/go-acme/lego/v5 \(v[^ ]*\).*|\1|p' "$traefik/go.mod")
legodir=$(dir github.com/go-acme/lego/v5@"$lego")
[ -n "$legodir" ] || { echo "github.com/go-acme/lego/v5@$lego cannot be fetched" >&2; exit 1; }

# What Traefik Labs adds to its own programs; nothing here.
cat >"$work/ext/ext.go" <<'GO'
package ext

type HTTP struct{}

type Router struct{}
GO
printf 'module github.com/traefik/traefik/dynamic/ext\n\ngo 1.24\n' >"$work/ext/go.mod"

# A fork that cannot be fetched, of basic and digest authentication: nobody is let in.
cat >"$work/auth/auth.go" <<'GO'
package auth

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"sync"
)

type SecretProvider func(user, realm string) string

type BasicAuth struct {
	Realm   string
	Secrets SecretProvider
	Headers *Headers
}

func (*BasicAuth) CheckAuth(*http.Request) string { return "" }

func (*BasicAuth) RequireAuth(w http.ResponseWriter, _ *http.Request) { refuse(w) }

func CheckSecret(password, secret string) bool { return false }

type Headers struct{}

type DigestAuth struct {
	Realm            string
	Opaque           string
	Secrets          SecretProvider
	PlainTextSecrets bool
	Headers          *Headers
	mutex            sync.RWMutex
}

func NewDigestAuthenticator(realm string, secrets SecretProvider) *DigestAuth {
	return &DigestAuth{Realm: realm, Secrets: secrets, Opaque: RandomKey()}
}

func (*DigestAuth) CheckAuth(*http.Request) (string, *string) { return "", nil }

func (*DigestAuth) RequireAuth(w http.ResponseWriter, _ *http.Request) { refuse(w) }

func (*DigestAuth) RequireAuthStale(w http.ResponseWriter, _ *http.Request) { refuse(w) }

func DigestAuthParams(string) map[string]string { return nil }

func RandomKey() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func refuse(w http.ResponseWriter) { http.Error(w, "this build has no authentication", http.StatusUnauthorized) }
GO
printf 'module github.com/abbot/go-http-auth\n\ngo 1.24\n' >"$work/auth/go.mod"

# lego without its registry of DNS providers.
cp -R "$legodir" "$work/lego"
chmod -R u+w "$work/lego"
find "$work/lego/providers/dns" -mindepth 1 -maxdepth 1 ! -name internal -exec rm -rf {} +
cat >"$work/lego/providers/dns/dns.go" <<'GO'
package dns

import (
	"errors"

	"github.com/go-acme/lego/v5/challenge"
)

func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, errors.New("this build has no DNS challenge: " + name)
}
GO

{
	printf 'module example.invalid/traefik\n\n'
	sed -n '/^go /p' "$traefik/go.mod"
	printf '\nrequire github.com/traefik/traefik/v3 %s\n' "$version"
	sed -n '/^require/,/^)/p' "$traefik/go.mod"
	printf '\nreplace (\n\tgithub.com/traefik/traefik/dynamic/ext => %s\n\tgithub.com/abbot/go-http-auth => %s\n\tgithub.com/go-acme/lego/v5 => %s\n' \
		"$work/ext" "$work/auth" "$work/lego"
	sed -n 's/^\tgithub.com\/gorilla\/mux => /&/p' "$traefik/go.mod"
	printf ')\n'
} >go.mod
cp "$traefik/go.sum" go.sum
CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o "$out/traefik" github.com/traefik/traefik/v3/cmd/traefik
chmod -R u+w "$work" && rm -rf "$work"
echo "$out/traefik"
