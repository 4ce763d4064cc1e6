package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/frameport/frameport/internal/secret"
)

// No way of printing shows a secret, also not from within other values, and also not
// where fmt calls no methods: fields that are not exported.
func TestNothingPrints(t *testing.T) {
	const value = "c4n4ry"
	s := secret.New(value)
	type outer struct {
		Name     string
		Password secret.String
	}
	type inner struct {
		name     string
		password secret.String
		next     *outer
		list     []secret.String
	}
	var seen strings.Builder
	text := slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	encoded := slog.New(slog.NewJSONHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, v := range []any{
		s, &s,
		[]secret.String{s},
		map[string]secret.String{"k": s},
		struct{ any }{s},
		outer{"n", s},
		&outer{"n", s},
		inner{"n", s, &outer{"n", s}, []secret.String{s}},
		&inner{password: s},
		fmt.Errorf("broken: %w", fmt.Errorf("at %v: %q", s, s)),
	} {
		for _, verb := range "vsqxXdTpctboUeg" {
			for _, flags := range []string{"", "+", "#", "20", "-+20.9"} {
				fmt.Fprintf(&seen, "%"+flags+string(verb)+"\n", v)
			}
		}
		fmt.Fprintln(&seen, v)
		text.Debug("m", "k", v, slog.Group("g", "k", v))
		encoded.Debug("m", "k", v, slog.Group("g", "k", v))
		for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal, xml.Marshal} {
			b, err := marshal(v)
			fmt.Fprintf(&seen, "%s %v\n", b, err)
		}
	}
	for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprintf("%b", value[0]) + " ", fmt.Sprint([]byte(value))} {
		if _, after, found := strings.Cut(seen.String(), form); found {
			t.Errorf("%q shows: …%s…", form, after[:min(len(after), 80)])
		}
	}
	if n := strings.Count(seen.String(), "***"); n < 100 {
		t.Errorf("the mask shows %d times", n)
	}
}

func TestString(t *testing.T) {
	var none secret.String
	empty, a, b := secret.New(""), secret.New("a"), secret.New("b")
	if none.IsSet() || !empty.IsSet() || none.Reveal() != "" || a.Reveal() != "a" {
		t.Error("not set, empty and set are not told apart")
	}
	for _, x := range []secret.String{none, empty, a, b} {
		for _, y := range []secret.String{none, empty, a, b} {
			same := x.IsSet() == y.IsSet() && x.Reveal() == y.Reveal()
			if x.Equal(y) != same {
				t.Errorf("Equal says %v of %q and %q", !same, x.Reveal(), y.Reveal())
			}
		}
	}
	if !a.Equal(secret.New("a")) {
		t.Error("the same text made twice is not equal")
	}
	b2, err := json.Marshal([]secret.String{none, a})
	if err != nil || !bytes.Equal(b2, []byte(`["","***"]`)) {
		t.Errorf("%s, %v", b2, err)
	}
}
