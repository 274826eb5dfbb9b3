package rules

import (
	regex "regexp/syntax"
	"strings"
)

// literals are what every match of the regular expression, as a whole value,
// begins and ends with; each may be empty. (regexp.LiteralPrefix gives up at an
// anchor, which rules of other meshes are full of.)
func literals(expression string) (head, tail string) {
	re, err := regex.Parse(expression, regex.Perl)
	if err != nil {
		return "", ""
	}
	parts := flat(re.Simplify(), nil)
	i := 0
	for ; i < len(parts) && literal(parts[i]); i++ {
		head += string(parts[i].Rune)
	}
	for j := len(parts) - 1; j > i && literal(parts[j]); j-- {
		tail = string(parts[j].Rune) + tail
	}
	// What is no UTF-8 is read as U+FFFD: it matches bytes that it is not equal to.
	if strings.ContainsRune(head+tail, '\uFFFD') {
		return "", ""
	}
	return head, tail
}

// flat lists what follows each other in a match. Anchors take no part of it.
func flat(re *regex.Regexp, parts []*regex.Regexp) []*regex.Regexp {
	switch re.Op {
	case regex.OpConcat, regex.OpCapture:
		for _, sub := range re.Sub {
			parts = flat(sub, parts)
		}
		return parts
	case regex.OpEmptyMatch, regex.OpBeginText, regex.OpEndText, regex.OpBeginLine, regex.OpEndLine:
		return parts
	}
	return append(parts, re)
}

func literal(re *regex.Regexp) bool {
	return re.Op == regex.OpLiteral && re.Flags&regex.FoldCase == 0
}
