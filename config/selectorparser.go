package config

import "strings"

// selectorParser reads one selector from left to right; positions in its errors
// count bytes from 1.
type selectorParser struct {
	text string
	pos  int
}

func (p *selectorParser) requirement() (requirement, error) {
	p.space()
	absent := p.take("!")
	p.space()
	key, err := p.key()
	if err != nil {
		return requirement{}, err
	}
	p.space()
	r := requirement{key: key}
	switch {
	case absent:
		r.op = opAbsent
		return r, nil
	case p.take("=="), p.take("="):
		r.op = opEqual
	case p.take("!="):
		r.op = opNotEqual
	case p.word("in"):
		r.op = opIn
	case p.word("notin"):
		r.op = opNotIn
	default:
		r.op = opExists
		return r, nil
	}
	if r.op == opIn || r.op == opNotIn {
		r.values, err = p.list(key)
		return r, err
	}
	v, err := p.value(key)
	r.values = []string{v}
	return r, err
}

func (p *selectorParser) key() (string, error) {
	at := p.pos
	key := p.run(true)
	switch {
	case key == "" && p.pos == len(p.text):
		return "", p.fail("ends where a key is expected; write key, key=value or key in (a,b)")
	case key == "":
		return "", p.fail("has %q at position %d where a key is expected", p.rest(), at+1)
	case !validLabelKey(key):
		return "", p.fail("has key %.80q at position %d; %s", key, at+1, labelKeyRule)
	}
	return key, nil
}

func (p *selectorParser) value(key string) (string, error) {
	p.space()
	at := p.pos
	v := p.run(false)
	if !validLabelValue(v) {
		return "", p.fail("has value %.80q for key %q at position %d; %s", v, key, at+1, labelValueRule)
	}
	return v, nil
}

func (p *selectorParser) list(key string) ([]string, error) {
	p.space()
	if !p.take("(") {
		return nil, p.fail("needs a list in parentheses after key %q at position %d, as in key in (a,b)", key, p.pos+1)
	}
	var values []string
	for {
		v, err := p.value(key)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		p.space()
		switch {
		case p.take(","):
		case p.take(")"):
			return values, nil
		case p.pos == len(p.text):
			return nil, p.fail("ends inside the list of key %q; close it with )", key)
		default:
			return nil, p.fail("has %q at position %d inside a list; separate values with commas", p.rest(), p.pos+1)
		}
	}
}

func (p *selectorParser) run(slash bool) string {
	start := p.pos
	for p.pos < len(p.text) && labelByte(p.text[p.pos], slash) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *selectorParser) take(s string) bool {
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// word takes s when nothing that could continue a name follows.
func (p *selectorParser) word(s string) bool {
	end := p.pos + len(s)
	if !strings.HasPrefix(p.text[p.pos:], s) || end < len(p.text) && labelByte(p.text[end], true) {
		return false
	}
	p.pos = end
	return true
}

func (p *selectorParser) space() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// rest returns the next few bytes, for an error.
func (p *selectorParser) rest() string { return p.text[p.pos:min(p.pos+8, len(p.text))] }

func (p *selectorParser) fail(format string, args ...any) error {
	problems := &Problems{}
	problems.Add("label_selector", ReasonLabelSelector, format, args...)
	return problems
}
