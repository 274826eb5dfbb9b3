package cache

import (
	"bytes"
	"errors"
	"fmt"
)

// leastKey and mostKey bound a line of a file of keys, in bytes: 32 hexadecimal digits
// are the 128 bits below which nobody should go.
const leastKey, mostKey = 32, 1024

// ParseKeys reads a file of keys for Config.Keys, one a line: that in force and, while
// it takes the place of another, that one. The errors do not tell what is in it.
func ParseKeys(text []byte) ([][]byte, error) {
	var keys [][]byte
	n := 0
	for line := range bytes.Lines(text) {
		n++
		key := bytes.TrimSpace(line)
		switch {
		case len(key) == 0:
			continue
		case len(key) < leastKey || len(key) > mostKey:
			return nil, fmt.Errorf("line %d has %d bytes; want %d to %d, such as of openssl rand -hex 32", n, len(key), leastKey, mostKey)
		case bytes.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }):
			return nil, fmt.Errorf("line %d has blanks, or what cannot be printed, in it; want a key such as of openssl rand -hex 32", n)
		case len(keys) == 2:
			return nil, errors.New("there are more than two lines; want the key in force, and the one before it while any daemon has that")
		case len(keys) == 1 && bytes.Equal(key, keys[0]):
			return nil, errors.New("both lines are the same")
		}
		keys = append(keys, bytes.Clone(key))
	}
	if len(keys) == 0 {
		return nil, errors.New("it is empty; want a key, such as of openssl rand -hex 32")
	}
	return keys, nil
}
