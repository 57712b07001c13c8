package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"passerelle/internal/xmpptest"
)

// link finds what people of IRC can open, without the bracket that stands behind it.
var link = regexp.MustCompile(`https?://[^ )]+`)

// runWeb opens the link that somebody on IRC got last, or the same one again, or compares what was there.
func (r *runner) runWeb(ctx context.Context, s step) error {
	switch s.verb {
	case "<":
		text, err := expand(s.arg, r.vars, func(v string) string { return v })
		if err != nil {
			return err
		}
		if !xmpptest.MatchText(text, strings.TrimSpace(r.fetched), r.vars) {
			return fmt.Errorf("it is\n%s", r.fetched)
		}
		return nil
	case "follow":
		a := r.irc[s.arg]
		if a == nil {
			return fmt.Errorf("%s is not connected", s.arg)
		}
		r.link = ""
		for _, line := range slices.Backward(a.came) {
			if r.link = link.FindString(line); r.link != "" {
				break
			}
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.link, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	r.fetched = fmt.Sprintf("%d %s", response.StatusCode, body)
	return errors.Join(err, response.Body.Close())
}
