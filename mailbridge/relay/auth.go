package relay

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// maxAuthSteps is how many questions a server asks at most.
const maxAuthSteps = 8

var errNoAuth = errors.New("it offers no way to log in that is known here")

// login logs in (RFC 4954 §4).
func (c *conn) login(ctx context.Context, user, password string) error {
	offered := strings.Fields(strings.ToUpper(c.ext["AUTH"]))
	var mechanism sasl.Client
	switch {
	case slices.Contains(offered, sasl.Plain):
		mechanism = sasl.NewPlainClient("", user, password)
	case slices.Contains(offered, sasl.Login):
		mechanism = sasl.NewLoginClient(user, password)
	default:
		return errNoAuth
	}
	name, first, err := mechanism.Start()
	if err != nil {
		return fmt.Errorf("AUTH: %w", err)
	}
	line := "AUTH " + name
	if first != nil {
		line += " " + encodeAuth(first)
	}
	for range maxAuthSteps {
		got, err := c.command(ctx, c.times.greeting, line)
		switch {
		case err != nil:
			return fmt.Errorf("AUTH: %w", err)
		case got.code == 235:
			return nil
		case got.code != 334:
			return &refusal{got, "AUTH"}
		}
		question, err := base64.StdEncoding.DecodeString(strings.Join(got.lines, ""))
		var answer []byte
		if err == nil {
			answer, err = mechanism.Next(question)
		}
		if err != nil {
			c.dead = true
			return fmt.Errorf("AUTH: %w", err)
		}
		line = base64.StdEncoding.EncodeToString(answer)
	}
	c.dead = true
	return fmt.Errorf("AUTH: %w", errBadReply)
}

// encodeAuth writes an initial response; an empty one is a sign of its own.
func encodeAuth(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}
