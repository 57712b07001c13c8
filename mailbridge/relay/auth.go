package relay

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	errNoAuth   = errors.New("it offers no way to log in that is known here")
	errAuthMore = errors.New("it asks for more than a name and a password")
)

// login logs in (RFC 4954 §4), by PLAIN (RFC 4616) or else as Microsoft's servers want it, by LOGIN.
func (c *conn) login(ctx context.Context, user, password string) error {
	offered := strings.Fields(strings.ToUpper(c.ext["AUTH"]))
	first, answers := "", []string(nil)
	switch {
	case slices.Contains(offered, "PLAIN"):
		first = "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))
	case slices.Contains(offered, "LOGIN"):
		first, answers = "AUTH LOGIN", []string{user, password} // whatever the questions are called
	default:
		return errNoAuth
	}
	got, err := c.command(ctx, c.times.greeting, first)
	for _, a := range answers {
		if err == nil && got.code == 334 {
			got, err = c.command(ctx, c.times.greeting, base64.StdEncoding.EncodeToString([]byte(a)))
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("AUTH: %w", err)
	case got.code == 334:
		c.dead = true
		return fmt.Errorf("AUTH: %w", errAuthMore)
	case got.code != 235:
		return &refusal{unechoed(got, append(answers, password, first[strings.LastIndexByte(first, ' ')+1:])), "AUTH"}
	}
	return nil
}

// unechoed is a reply without what was said to the server to log in: some repeat what they do not understand, and a reply is logged, and shown to users.
func unechoed(r reply, secrets []string) reply {
	lines := slices.Clone(r.lines)
	for i, line := range lines {
		for _, s := range secrets {
			if s != "" && (strings.Contains(line, s) || strings.Contains(line, base64.StdEncoding.EncodeToString([]byte(s)))) {
				lines[i] = "…"
			}
		}
	}
	r.lines = lines
	return r
}
