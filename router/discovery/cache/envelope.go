package cache

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// An entry's text is three parts:
//
//	fairway-cache N SUM\n    the format, and the sum of all that follows
//	{"scope":…,"key":…,"version":…,"time":…}\n
//	value
//
// N is 1 where SUM is a SHA-256, which anybody can make, and 2 where it is an
// HMAC-SHA256 (RFC 2104) of format and what follows, which only who has a key can.
const summed, signed = "fairway-cache 1 ", "fairway-cache 2 "

// MostText is how long a text may be, in bytes. What is longer is no entry, and need not
// be read to know that.
const MostText = 32 << 20

// label is the second line.
type label struct {
	Scope   string    `json:"scope"`
	Key     string    `json:"key"`
	Version string    `json:"version,omitempty"`
	Time    time.Time `json:"time"`
}

// flawed is why a text is not the entry that was asked for.
type flawed struct{ reason, text string }

func (f flawed) Error() string { return f.text }

// Foreign is a layer's answer where what lies under a key is no entry, and why.
func Foreign(why string) error { return flawed{"foreign", why} }

// seal writes the text of an entry, signed with the first of the keys.
func seal(e Entry, scope string, keys ...[]byte) []byte {
	format := summed
	if len(keys) > 0 {
		format = signed
	}
	line, _ := json.Marshal(label{scope, e.Key, e.Version, e.Time}) // of strings and a time of this age, which cannot fail
	text := make([]byte, 0, len(format)+2*sha256.Size+len(line)+2+len(e.Value))
	text = append(text, format...)
	text = append(text, make([]byte, 2*sha256.Size)...)
	text = append(text, '\n')
	begin := len(text)
	text = append(append(append(text, line...), '\n'), e.Value...)
	if len(keys) > 0 {
		copy(text[len(format):], sign(text[begin:], keys[0]))
		return text
	}
	sum := sha256.Sum256(text[begin:])
	hex.Encode(text[len(format):], sum[:])
	return text
}

// sign is the sum, in hexadecimal, that who has the key makes of what follows it.
func sign(rest, key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	mac.Write(rest)
	return hex.AppendEncode(nil, mac.Sum(nil))
}

// unseal reads a text, of which nothing is believed. Where there are keys it has to be
// signed with one of them, and may not be signed where there are none.
func unseal(text []byte, scope, key string, keys ...[]byte) (Entry, error) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if err := genuine(first, rest, keys); err != nil {
		return Entry{}, err
	}
	line, value, ended := bytes.Cut(rest, []byte("\n"))
	var l label
	if err := json.Unmarshal(line, &l); !ended || err != nil {
		return Entry{}, flawed{"corrupt", "its label cannot be read"}
	}
	if l.Scope != scope || l.Key != key {
		return Entry{}, flawed{"foreign", fmt.Sprintf("it is %.100q of %.100q, not %.100q of %.100q", l.Key, l.Scope, key, scope)}
	}
	return Entry{Key: l.Key, Version: l.Version, Time: l.Time, Value: value}, nil
}

// genuine says what is wrong with the first line of a text.
func genuine(first, rest []byte, keys [][]byte) error {
	if sum, is := bytes.CutPrefix(first, []byte(summed)); is {
		if len(keys) > 0 {
			return flawed{"signature", "it is not signed: it was written before there was a key, by a daemon without --cache-key, or by somebody else"}
		}
		if is := sha256.Sum256(rest); string(sum) != hex.EncodeToString(is[:]) {
			return flawed{"corrupt", "its checksum is wrong"}
		}
		return nil
	}
	sum, is := bytes.CutPrefix(first, []byte(signed))
	if !is {
		return Foreign("it does not begin with \"" + summed + "\" or \"" + signed + "\": it is of another version, or no entry")
	}
	if len(keys) == 0 {
		return flawed{"signature", "it is signed, and there is no key to tell by whom: give this daemon the --cache-key of the others"}
	}
	for _, key := range keys {
		if hmac.Equal(sum, sign(rest, key)) {
			return nil
		}
	}
	return flawed{"signature", "it was not signed with a key of --cache-key, or was changed since"}
}
