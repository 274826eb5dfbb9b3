package accesslog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fairway-mesh/fairway/prom"
)

// longestLine is what is read of a line; a longer one is bad.
const longestLine = 1 << 20

var (
	errLong   = fmt.Errorf("the line is longer than %d MiB", longestLine>>20)
	errBinary = errors.New("the line has bytes that no text has")
)

// lines reads a file line by line, unpacked. number is that of the line which
// was read last.
type lines struct {
	path   string
	file   *os.File
	reader *bufio.Reader
	done   func()
	ahead  []numbered // lines that were read to recognise the format
	number int
	ended  error // why there are no more; io.EOF at the end
}

// numbered is a line, or why it cannot be one. open says that the file ends
// without the line's end.
type numbered struct {
	text   string
	number int
	bad    error
	open   bool
}

func openLines(path string) (*lines, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		if err == nil {
			err = fmt.Errorf("%s: is a directory; name the log files in it", path)
		}
		return nil, errors.Join(err, file.Close())
	}
	unpacked, done, err := prom.Unpack(bufio.NewReaderSize(file, 1<<16))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return &lines{path: path, file: file, reader: unpacked, done: done}, nil
}

func (l *lines) close() error {
	l.done()
	return l.file.Close()
}

// look reads up to n lines ahead, fewer where they are long.
func (l *lines) look(n int) ([]string, error) {
	var texts []string
	for length := 0; len(l.ahead) < n && length < longestLine; {
		line, err := l.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if l.ahead = append(l.ahead, line); line.bad == nil {
			texts = append(texts, line.text)
			length += len(line.text)
		}
	}
	return texts, nil
}

// next returns the next line that is not empty; io.EOF after the last.
func (l *lines) next() (numbered, error) {
	if len(l.ahead) > 0 {
		line := l.ahead[0]
		l.ahead = l.ahead[1:]
		return line, nil
	}
	return l.read()
}

func (l *lines) read() (numbered, error) {
	for l.ended == nil {
		text, bad, open := l.one()
		if text = strings.TrimRight(text, "\r\n"); strings.TrimSpace(text) == "" && bad == nil {
			continue
		}
		if bad == nil && strings.ContainsRune(text, 0) {
			bad = errBinary
		}
		return numbered{text, l.number, bad, open}, nil
	}
	if l.ended != io.EOF {
		return numbered{}, fmt.Errorf("%s:%d: the file breaks off (%w): it was cut; copy it again", l.path, l.number+1, l.ended)
	}
	return numbered{}, io.EOF
}

// one reads to the end of a line, and notes the end of the file.
func (l *lines) one() (text string, bad error, open bool) {
	var long []byte
	for {
		piece, err := l.reader.ReadSlice('\n')
		switch {
		case len(long)+len(piece) > longestLine:
			bad, long = errLong, long[:0]
		case err == nil && len(long) == 0 && bad == nil:
			l.number++
			return string(piece), nil, false
		case bad == nil:
			long = append(long, piece...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			l.ended = err
		}
		if err == nil || len(long) > 0 || bad != nil {
			l.number++
		}
		return string(long), bad, err != nil
	}
}
