package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// An entry's text is three parts:
//
//	fairway-cache 1 SHA256\n    the format, and the sum of all that follows
//	{"scope":…,"key":…,"version":…,"time":…}\n
//	value
const format = "fairway-cache 1 "

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

// seal writes the text of an entry.
func seal(e Entry, scope string) []byte {
	line, _ := json.Marshal(label{scope, e.Key, e.Version, e.Time}) // of strings and a time of this age, which cannot fail
	text := make([]byte, 0, len(format)+2*sha256.Size+len(line)+2+len(e.Value))
	text = append(text, format...)
	text = append(text, make([]byte, 2*sha256.Size)...)
	text = append(text, '\n')
	begin := len(text)
	text = append(append(append(text, line...), '\n'), e.Value...)
	sum := sha256.Sum256(text[begin:])
	hex.Encode(text[len(format):], sum[:])
	return text
}

// unseal reads a text, of which nothing is believed.
func unseal(text []byte, scope, key string) (Entry, error) {
	rest, ours := bytes.CutPrefix(text, []byte(format))
	if !ours {
		return Entry{}, flawed{"foreign", "it does not begin with \"" + format + "\": it is of another version, or no entry"}
	}
	sum, rest, _ := bytes.Cut(rest, []byte("\n"))
	if is := sha256.Sum256(rest); string(sum) != hex.EncodeToString(is[:]) {
		return Entry{}, flawed{"corrupt", "its checksum is wrong"}
	}
	line, value, ended := bytes.Cut(rest, []byte("\n"))
	var l label
	if err := json.Unmarshal(line, &l); !ended || err != nil {
		return Entry{}, flawed{"corrupt", "its label cannot be read"}
	}
	if l.Scope != scope || l.Key != key {
		return Entry{}, flawed{"foreign", "it is " + l.Key + " of " + l.Scope + ", not " + key + " of " + scope}
	}
	return Entry{Key: l.Key, Version: l.Version, Time: l.Time, Value: value}, nil
}
