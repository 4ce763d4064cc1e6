package auth

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"github.com/frameport/frameport/config"
)

// maxEntries bounds what is compared with every token that comes.
const maxEntries = 1024

// document is an auth file. Tokens is a pointer to tell a list that is empty on
// purpose from a file that was cut short.
type document struct {
	Tokens       *[]entry `yaml:"tokens"`
	Certificates *[]entry `yaml:"certificates"`
}

type entry struct {
	Name    string   `yaml:"name"`
	Hash    string   `yaml:"hash"`
	SAN     string   `yaml:"san"`
	Role    string   `yaml:"role"`
	Cameras *cameras `yaml:"cameras"`
	Expires string   `yaml:"expires"`
	// MaxCameras is a pointer, since 0 is a number of cameras, too.
	MaxCameras *int `yaml:"max_cameras"`
}

type cameras struct {
	IDs    []string `yaml:"ids"`
	Labels *string  `yaml:"labels"`
}

// keys are what stands in the entries, to tell a key without a value from one that is
// not there: it says that somebody meant to bound a right and did not.
type keys struct {
	Tokens       []map[string]any `yaml:"tokens"`
	Certificates []map[string]any `yaml:"certificates"`
}

// parse reads an auth file, in YAML or JSON; name stands for it in errors. They never
// quote values: somebody may have written a token where its hash belongs.
func parse(data []byte, name string) (_ *set, err error) {
	defer func() {
		if recover() != nil { // in the YAML library; the worker and the old rights go on
			err = fmt.Errorf("%s is no YAML that can be read", name)
		}
	}()
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, yamlError(name, err)
	}
	var doc document
	var written keys
	if len(tree.Docs) > 0 && tree.Docs[0].Body != nil {
		if err := yaml.NodeToValue(tree.Docs[0].Body, &doc, yaml.Strict()); err != nil {
			return nil, yamlError(name, err)
		}
		if err := yaml.NodeToValue(tree.Docs[0].Body, &written); err != nil {
			return nil, yamlError(name, err)
		}
	}
	if len(tree.Docs) > 1 && tree.Docs[1].Body != nil {
		return nil, fmt.Errorf("%s holds more than one YAML document; keep one", name)
	}
	if doc.Tokens == nil && doc.Certificates == nil {
		return nil, fmt.Errorf("%s has neither tokens nor certificates; write \"tokens: []\" if nobody shall have access", name)
	}
	s, p := &set{}, &problems{names: map[string]bool{}}
	if doc.Tokens != nil {
		for i, e := range *doc.Tokens {
			s.tokens = append(s.tokens, e.token(p.at("tokens", i, e.Name)))
			p.complete(written.Tokens, i)
		}
	}
	if doc.Certificates != nil {
		for i, e := range *doc.Certificates {
			s.certificates = append(s.certificates, e.certificate(p.at("certificates", i, e.Name)))
			p.complete(written.Certificates, i)
		}
	}
	p.unique(s)
	if n := len(s.tokens) + len(s.certificates); n > maxEntries {
		p.add("has %d entries; %d are allowed", n, maxEntries)
	}
	if len(p.list) > 0 {
		return nil, fmt.Errorf("%s: %s", name, strings.Join(p.list, "; "))
	}
	return s, nil
}

func (e entry) token(p *problems) *grant {
	g := e.grant(p)
	if e.SAN != "" {
		p.add("has a san, which is for certificates")
	}
	text := strings.TrimPrefix(e.Hash, "sha256:")
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(g.digest) {
		p.add("hash must be the SHA-256 of the token in 64 hexadecimal digits; frameport token new makes both")
		return g
	}
	copy(g.digest[:], raw)
	return g
}

func (e entry) certificate(p *problems) *grant {
	g := e.grant(p)
	if e.Hash != "" {
		p.add("has a hash, which is for tokens")
	}
	if g.san = e.SAN; e.SAN == "" {
		p.add("san is missing; give a name that stands in the certificate: a DNS name, a URI, an e-mail or an IP address")
	}
	if ip, err := netip.ParseAddr(g.san); err == nil {
		g.san = ip.String()
	}
	return g
}

// grant reads what tokens and certificates have in common.
func (e entry) grant(p *problems) *grant {
	g := &grant{name: e.Name, scope: everything()}
	if !validName(e.Name) {
		p.add("name must have 1 to 64 letters, digits, dots, dashes and underscores")
	}
	if err := g.role.UnmarshalText([]byte(e.Role)); err != nil {
		p.add("role %v", err)
	}
	if e.Expires != "" {
		t, err := ParseExpiry(e.Expires)
		if err != nil {
			p.add("expires %v", err)
		}
		g.expires = t
	}
	if g.maxCameras = e.MaxCameras; e.MaxCameras != nil {
		switch {
		case *e.MaxCameras < 0:
			p.add("max_cameras is %d; give 0 or more, or leave it out for no bound", *e.MaxCameras)
		case g.role != Control:
			p.add("max_cameras is for role control: view adds no cameras, and admin may add all")
		}
	}
	if e.Cameras == nil {
		return g
	}
	if g.role == Admin {
		p.add("role admin is for all cameras; leave cameras out, or take control")
	}
	switch c := e.Cameras; {
	case (c.IDs == nil) == (c.Labels == nil):
		p.add("cameras needs either ids or labels; leave it out for all cameras")
	case c.Labels != nil:
		s, err := config.ParseSelector(*c.Labels)
		switch {
		case err != nil:
			p.add("cameras.labels: %v", err)
		case s.Empty():
			p.add("cameras.labels is empty; leave cameras out for all cameras")
		}
		g.scope = scope{selector: s}
	default:
		for _, id := range c.IDs {
			if config.ValidCameraID(id) != nil {
				p.add("cameras.ids has %.40q, which can't be a camera's id", id)
			}
		}
		// A list that is empty on purpose is no camera at all, and not nil.
		ids := append([]string{}, c.IDs...)
		slices.Sort(ids)
		g.scope = scope{ids: slices.Compact(ids)}
	}
	return g
}

// ParseExpiry reads when something ends: a time as RFC 3339 has it, or a date, which
// means its beginning in UTC.
func ParseExpiry(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("must be a time such as 2027-01-31T12:00:00Z, or a date such as 2027-01-31")
}

// validName says whether an entry can have this name: it stands in logs.
func validName(name string) bool { return namePattern.MatchString(name) }

var namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// problems collects what is wrong with a file.
type problems struct {
	list  []string
	where string
	names map[string]bool
}

// at is where the next problems are.
func (p *problems) at(list string, i int, name string) *problems {
	p.where = fmt.Sprintf("%s[%d]", list, i)
	if validName(name) {
		p.where += " (" + name + ")"
		if p.names[name] {
			p.add("the name stands twice; who is who would not be known")
		}
		p.names[name] = true
	}
	return p
}

func (p *problems) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.where != "" {
		text = p.where + ": " + text
	}
	p.list = append(p.list, text)
}

// complete refuses what bounds the rights of entry i without saying how, or in a way that
// YAML reads differently than people do.
func (p *problems) complete(entries []map[string]any, i int) {
	if i >= len(entries) {
		return
	}
	for _, key := range []string{"cameras", "expires", "max_cameras"} {
		if v, written := entries[i][key]; written && (v == nil || v == "") {
			p.add("%s stands there without a value; give it one, or leave it out for no bound", key)
		}
	}
	c, _ := entries[i]["cameras"].(map[string]any)
	ids, _ := c["ids"].([]any)
	for _, id := range ids {
		if _, text := id.(string); !text { // 007 would be the camera 7
			p.add("cameras.ids has %v, which is no text in YAML; write it between quotes", id)
		}
	}
}

// unique refuses two entries for the same token or certificate.
func (p *problems) unique(s *set) {
	p.where = ""
	digests, names := map[Digest]string{}, map[string]string{}
	for _, g := range s.tokens {
		if other, twice := digests[g.digest]; twice && g.digest != (Digest{}) {
			p.add("%s and %s have the same hash; keep one", other, g.name)
		}
		digests[g.digest] = g.name
	}
	for _, g := range s.certificates {
		san := strings.ToLower(g.san)
		if other, twice := names[san]; twice && san != "" {
			p.add("%s and %s have the same san; keep one", other, g.name)
		}
		names[san] = g.name
	}
}

// yamlError reports position and message, but never the source text.
func yamlError(name string, err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil && e.GetToken().Position != nil {
		pos := e.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", name, pos.Line, pos.Column, e.GetMessage())
	}
	return fmt.Errorf("%s is no YAML that can be read", name)
}

// Check says what is wrong with the text of an auth file.
func Check(text string) error {
	_, err := parse([]byte(text), "entry")
	return err
}
