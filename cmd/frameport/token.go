package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/frameport/frameport/auth"
)

type tokenCmd struct {
	New tokenNewCmd `cmd:"" help:"Make a token, and the entry for the worker's auth file."`
}

type tokenNewCmd struct {
	Name       string   `required:"" help:"What it is called in the worker's log: 1 to 64 letters, digits, dots, dashes and underscores."`
	Role       string   `required:"" enum:"view,control,admin" help:"What it may do: view (frames and status), control (also add, change and remove cameras), admin (also the worker's own details)."`
	Camera     []string `help:"Only this camera; may be given more than once." placeholder:"ID"`
	Labels     string   `help:"Only cameras with these labels, for example site=north,!test." placeholder:"SELECTOR"`
	MaxCameras *int     `name:"max-cameras" help:"How many cameras there may be that it can change for it to add another; for role control." placeholder:"N"`
	Expires    string   `help:"When it ends: 2027-01-31, or 2027-01-31T12:00:00Z." placeholder:"TIME"`
}

// Run writes the token, which is nowhere else, to standard output, and the entry for the
// auth file to the other stream: so the token alone can go into a file.
func (c *tokenNewCmd) Run(io streams) error {
	if c.Expires != "" {
		t, err := auth.ParseExpiry(c.Expires)
		if err != nil {
			return fmt.Errorf("--expires %w", err)
		}
		if time.Now().After(t) {
			return errors.New("--expires is in the past")
		}
	}
	token := auth.NewToken()
	entry := c.entry(auth.DigestOf(token))
	if err := auth.Check("tokens:\n" + entry); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(io.out, token.Reveal()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(io.err, "The line above is the token. It is shown this once: give it to the client in a file.\n"+
		"Add this to the list \"tokens:\" of the auth file:\n\n%s", entry)
	return err
}

// entry is the token's in an auth file.
func (c *tokenNewCmd) entry(digest auth.Digest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n    hash: sha256:%s\n    role: %s\n", c.Name, digest, c.Role)
	if len(c.Camera) > 0 || c.Labels != "" {
		b.WriteString("    cameras:\n")
	}
	if len(c.Camera) > 0 {
		quoted := make([]string, len(c.Camera)) // 007 without quotes is a number to YAML
		for i, id := range c.Camera {
			quoted[i] = strconv.Quote(id)
		}
		fmt.Fprintf(&b, "      ids: [%s]\n", strings.Join(quoted, ", "))
	}
	if c.Labels != "" {
		fmt.Fprintf(&b, "      labels: %q\n", c.Labels)
	}
	if c.MaxCameras != nil {
		fmt.Fprintf(&b, "    max_cameras: %d\n", *c.MaxCameras)
	}
	if c.Expires != "" {
		fmt.Fprintf(&b, "    expires: %q\n", c.Expires)
	}
	return b.String()
}
