package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"passerelle/internal/xmpptest"
)

// step is one line of a script.
type step struct {
	line  int    // in the script
	text  string // as it is written, for people
	actor string // "alice", "irc bob", "gateway", "operator", "web"
	verb  string // "login", ">", "<", "<*", "<!", "<~", "close", "stop", "kill", "restart", "reload", "remembers", "ages", "set"
	arg   string
}

// The actors that are there without being called.
const (
	actorGateway  = "gateway"
	actorXMPP     = "xmppserver"
	actorIRC      = "ircserver"
	actorService  = "services"
	actorOperator = "operator"
	actorWeb      = "web"
)

const ircPrefix = "irc "

func (s step) isIRC() bool { return strings.HasPrefix(s.actor, ircPrefix) }

// parseScenario reads a txtar archive.
func parseScenario(data []byte) ([]step, error) {
	archive := txtar.Parse(data)
	if strings.TrimSpace(string(archive.Comment)) == "" {
		return nil, errors.New("the comment does not say which behaviour this is")
	}
	if len(archive.Files) != 1 || archive.Files[0].Name != "script" {
		return nil, errors.New(`it has not one file called "script"`)
	}
	return parseScript(string(archive.Files[0].Data))
}

func parseScript(script string) ([]step, error) {
	steps, err := parseSteps(script, knownActors())
	if err == nil && len(steps) == 0 {
		err = errors.New("the script has no steps")
	}
	return steps, err
}

// knownActors are those that need not be called.
func knownActors() map[string]bool {
	return map[string]bool{actorGateway: true, actorXMPP: true, actorIRC: true, actorService: true, actorOperator: true, actorWeb: true}
}

// parseSteps reads a part of a script, in which known actors have come before.
func parseSteps(script string, known map[string]bool) ([]step, error) {
	var steps []step
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		text := strings.TrimSpace(lines[i])
		if text == "" || text[0] == '#' {
			continue
		}
		s := step{line: i + 1}
		s.parse(text)
		if s.takesStanza() {
			for !whole(s.arg) {
				if i++; i == len(lines) {
					return nil, fmt.Errorf("line %d: the stanza does not end", s.line)
				}
				more := strings.TrimSpace(lines[i])
				text += "\n" + more
				s.arg += "\n" + more
			}
		}
		s.text = text
		if err := s.check(known); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", s.line, text, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// parse splits a line into actor, verb and the rest.
func (s *step) parse(text string) {
	word, rest := cut(text)
	switch word {
	case "xmpp":
		s.actor, s.verb = rest, "login"
		return
	case "irc":
		word, rest = cut(rest)
		word = ircPrefix + word
		if rest == "" {
			s.actor, s.verb = word, "login"
			return
		}
	}
	s.actor = word
	s.verb, s.arg = cut(rest)
}

func cut(s string) (word, rest string) {
	word, rest, _ = strings.Cut(s, " ")
	return word, strings.TrimSpace(rest)
}

// takesStanza reports whether a stanza follows the verb.
func (s *step) takesStanza() bool {
	return !s.isIRC() && s.actor != actorOperator && s.actor != actorWeb && slices.Contains([]string{">", "<", "<*", "<!"}, s.verb)
}

// whole reports whether the stanza has its end. What is wrong with it otherwise is found by check.
func whole(stanza string) bool {
	_, err := xmpptest.Parse(stanza)
	return err == nil || !strings.Contains(err.Error(), "unexpected EOF")
}

var nameForm = regexp.MustCompile(`^(irc )?[a-z][a-z0-9]*(/[a-z0-9]+)?$`)

// check finds mistakes in a script before anything is started. The actors that the script has called so far are in known.
func (s *step) check(known map[string]bool) error {
	if !nameForm.MatchString(s.actor) || s.isIRC() && strings.Contains(s.actor, "/") {
		return fmt.Errorf("%q is no name", s.actor)
	}
	if s.verb == "login" {
		if known[s.actor] && strings.HasPrefix(s.actor, actorGateway) {
			return fmt.Errorf("%q has a meaning of its own", s.actor)
		}
		known[s.actor] = true
		return nil
	}
	if !known[s.actor] {
		return fmt.Errorf("nobody called %s has come before", s.actor)
	}
	verbs := []string{">", "<", "<*", "<!", "close"}
	if s.isIRC() {
		verbs = append(verbs, "<~")
	}
	switch s.actor {
	case actorGateway:
		verbs = []string{"stop", "kill", "restart", "reload", "remembers", "ages", "set"}
	case actorXMPP, actorIRC, actorService:
		verbs = []string{"kill", "restart"}
	case actorWeb:
		verbs = []string{"follow", "again", "press", "<"}
	case actorOperator:
		verbs = []string{">", "<"}
	}
	if !slices.Contains(verbs, s.verb) {
		return fmt.Errorf("%q is none of %s", s.verb, strings.Join(verbs, " "))
	}
	if hasArg := s.arg != ""; hasArg != slices.Contains([]string{">", "<", "<*", "<!", "<~", "remembers", "ages", "set", "follow"}, s.verb) {
		return fmt.Errorf("too much or too little after %s", s.verb)
	}
	if s.verb == "remembers" || s.verb == "ages" {
		if _, err := strconv.Atoi(s.arg); err != nil {
			return err
		}
	}
	if s.takesStanza() {
		if _, err := xmpptest.Parse(s.arg); err != nil {
			return err
		}
	}
	return nil
}

var variable = regexp.MustCompile(`\$(\$|[A-Za-z][A-Za-z0-9]*)`)

// expand replaces $name by its value, written as quote says.
func expand(s string, vars xmpptest.Vars, quote func(string) string) (string, error) {
	var err error
	s = variable.ReplaceAllStringFunc(s, func(v string) string {
		if v == "$$" {
			return "$"
		}
		value, ok := vars[v[1:]]
		if !ok {
			err = fmt.Errorf("%s has no value yet", v)
		}
		return quote(value)
	})
	return s, err
}

var escapeForm = regexp.MustCompile(`\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}`)

// unescape replaces \xHH by a byte and \uHHHH by a character.
func unescape(s string) string {
	return escapeForm.ReplaceAllStringFunc(s, func(e string) string {
		n, err := strconv.ParseUint(e[2:], 16, 32)
		if err != nil {
			return e // not with that expression
		}
		if e[1] == 'x' {
			return string([]byte{byte(n)})
		}
		return string(rune(n))
	})
}
