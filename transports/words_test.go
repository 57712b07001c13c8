package transports

import (
	"errors"
	"fmt"
	"testing"
)

// What the gateway says of an error is said in the language of its reader, whatever stands in it; the log has it in English.
func TestWords(t *testing.T) {
	t.Parallel()
	say := func(text string, args ...any) string {
		french := map[string]string{"%s is away.": "%s est absent.", "%s Try again in %d s.": "%s Nouvel essai dans %d s.", "account %s": "le compte %s"}
		if len(args) == 0 {
			return text
		}
		return fmt.Sprintf(french[text], args...)
	}
	inner := Errorf(Offline, "%s is away.", "bob")
	for _, c := range []struct {
		said            interface{ In(Say) string }
		english, french string
	}{
		{inner, "bob is away.", "bob est absent."},
		{Errorf(Busy, "%s Try again in %d s.", inner, 7), "bob is away. Try again in 7 s.", "bob est absent. Nouvel essai dans 7 s."},
		{Errorf(Busy, "%s Try again in %d s.", NewError(Busy, "100%", nil), 7), "100% Try again in 7 s.", "100% Nouvel essai dans 7 s."},
		{NewError(Busy, "50% off", nil), "50% off", "50% off"},
		{NoticeOf(Target{}, "%s is away.", Words{"account %s", []any{"al"}}), "account al is away.", "le compte al est absent."},
		{Notice{Text: "%s is away."}, "%s is away.", "%s is away."},
	} {
		if got := c.said.In(inEnglish); got != c.english {
			t.Errorf("in English %q, want %q", got, c.english)
		}
		if got := c.said.In(say); got != c.french {
			t.Errorf("in French %q, want %q", got, c.french)
		}
	}
	cause := errors.New("the reason")
	if e := Errorf(Busy, "%s is away.", "bob").Because(cause); e.Text != "bob is away." || !errors.Is(e, cause) || e.Kind != Busy {
		t.Errorf("an error with a cause is %#v", e)
	}
}
