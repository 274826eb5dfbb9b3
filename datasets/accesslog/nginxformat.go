package accesslog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// nginxFormat is a compiled log_format: variables, and the text between them.
type nginxFormat struct {
	before string // the text before the first variable
	parts  []nginxPart
}

// nginxPart is a variable and the text that follows it; "" at the end of line.
type nginxPart struct{ name, after string }

// compileNginx reads a log_format as nginx.conf has it, without its name and
// quotes. Quotes between pieces are nginx's way to go on in the next line.
func compileNginx(text string) (*nginxFormat, error) {
	text = strings.TrimSpace(text)
	for _, escape := range []string{"escape=json ", "escape=default ", "escape=none "} {
		text = strings.TrimSpace(strings.TrimPrefix(text, escape))
	}
	if strings.HasPrefix(text, "'") {
		text = joined(text)
	}
	f := &nginxFormat{}
	literal, rest, found := strings.Cut(text, "$")
	f.before = literal
	for found {
		n := 0
		braces := strings.HasPrefix(rest, "{")
		if braces {
			rest = rest[1:]
		}
		for n < len(rest) && (rest[n] == '_' || rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		part := nginxPart{name: rest[:n]}
		if rest = rest[n:]; braces {
			rest = strings.TrimPrefix(rest, "}")
		}
		part.after, rest, found = strings.Cut(rest, "$")
		switch {
		case part.name == "":
			return nil, errors.New("the log_format has a $ without a variable's name; in a shell, put it between single quotes")
		case part.after == "" && found:
			return nil, fmt.Errorf("in the log_format nothing stands between $%s and the next variable: where one ends could not be told", part.name)
		}
		f.parts = append(f.parts, part)
	}
	return f, f.check()
}

// joined puts together pieces between single quotes.
func joined(text string) string {
	var all strings.Builder
	for i, piece := range strings.Split(strings.TrimSuffix(text, ";"), "'") {
		if i%2 == 1 {
			all.WriteString(piece)
		}
	}
	return all.String()
}

// check says which variable is missing.
func (f *nginxFormat) check() error {
	has := func(names ...string) bool {
		for _, p := range f.parts {
			for _, name := range names {
				if p.name == name {
					return true
				}
			}
		}
		return false
	}
	switch {
	case !has("upstream_addr"):
		return errors.New("the log_format has no $upstream_addr, so it tells no endpoints")
	case !has("upstream_response_time", "request_time"):
		return errors.New("the log_format has neither $upstream_response_time nor $request_time")
	case !has(nginxTimes...):
		return errors.New("the log_format has no time: $msec (the most exact), $time_iso8601 or $time_local")
	case !has("status", "upstream_status"):
		return errors.New("the log_format has neither $status nor $upstream_status")
	}
	return nil
}

// match takes the variables' values out of a line. A value ends where the text
// that follows it in the format begins; a list of endpoints has commas and
// colons between spaces in it.
func (f *nginxFormat) match(line string) (map[string]string, error) {
	rest, ok := strings.CutPrefix(line, f.before)
	if !ok {
		return nil, errAlien
	}
	values := make(map[string]string, len(f.parts))
	for i, p := range f.parts {
		n := p.end(rest)
		if n < 0 {
			if i < 2 {
				return nil, errAlien
			}
			return nil, fmt.Errorf("the line breaks off, or is of another log_format: %s is missing after $%s", shown(p.after), p.name)
		}
		values[p.name] = dashless(rest[:n])
		rest = rest[n+len(p.after):]
	}
	if rest != "" {
		return nil, errors.New("the line goes on after the end of the log_format")
	}
	return values, nil
}

// end is how long the variable's value at the beginning of text is, or -1.
func (p nginxPart) end(text string) int {
	if strings.HasPrefix(p.name, "upstream_") && !strings.HasPrefix(p.name, "upstream_http_") {
		return p.listEnd(text)
	}
	if p.after == "" {
		return len(text)
	}
	for from := 0; ; {
		i := strings.Index(text[from:], p.after)
		if i < 0 {
			return -1
		}
		if from += i; p.after[0] != '"' || !escapedAt(text, from) {
			return from
		}
		from++
	}
}

// listEnd is as end, of values like "10.0.0.1:80, 10.0.0.2:80 : unix:/tmp/a".
func (p nginxPart) listEnd(text string) int {
	n := 0
	for {
		item := text[n:]
		stop := strings.IndexAny(item, " ,\"")
		if p.after != "" {
			near := item
			if stop >= 0 {
				near = item[:min(len(item), stop+len(p.after))]
			}
			if i := strings.Index(near, p.after); i >= 0 {
				return n + i
			}
		}
		if stop < 0 {
			if p.after != "" {
				return -1
			}
			return len(text)
		}
		switch n += stop; {
		case strings.HasPrefix(text[n:], ", "):
			n += len(", ")
		case strings.HasPrefix(text[n:], " : "):
			n += len(" : ")
		default:
			return -1
		}
	}
}

// escapedAt reports whether an odd number of backslashes stands before i.
func escapedAt(text string, i int) bool {
	n := 0
	for n < i && text[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// unescaped undoes what escape=default and escape=json do.
func unescaped(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	if plain, err := strconv.Unquote(`"` + text + `"`); err == nil {
		return plain
	}
	return text
}
