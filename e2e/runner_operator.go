package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"passerelle/internal/xmpptest"
)

// runOperator runs the program as its operator would, or compares what it printed then.
func (r *runner) runOperator(ctx context.Context, s step) error {
	text, err := expand(s.arg, r.vars, func(v string) string { return v })
	if err != nil {
		return err
	}
	if s.verb == "<" {
		if !xmpptest.MatchText(text, strings.TrimSpace(r.printed), r.vars) {
			return fmt.Errorf("it is\n%s", r.printed)
		}
		return nil
	}
	args, input, _ := strings.Cut(text, "<<")
	cmd := exec.CommandContext(ctx, r.gateway.program, append(strings.Fields(args), "-config", r.gateway.config())...)
	cmd.Dir = r.gateway.dir
	cmd.Stdin = strings.NewReader(strings.TrimSpace(input) + "\n")
	out, err := cmd.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		return err
	}
	r.printed = fmt.Sprintf("%d %s", cmd.ProcessState.ExitCode(), out)
	return nil
}
