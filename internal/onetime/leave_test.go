package onetime

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"passerelle/transports"
)

// mailing is a redirect whose link has the token "right".
type mailing struct {
	ended int
	fault error
}

func (m *mailing) LeavesFrom(_ context.Context, token string) (string, bool, error) {
	return "romeo@example.net", token == "right", m.fault
}

func (m *mailing) Leave(context.Context, string) error {
	m.ended++
	return m.fault
}

func TestLeave(t *testing.T) {
	t.Parallel()
	broken := transports.NewError(transports.Busy, "", errors.New("no database"))
	for _, c := range []struct {
		name, method, token, body string
		fault                     error
		status, ended             int
		says                      string
	}{
		{"the page", "GET", "right", "", nil, 200, 0, "Send nothing more"},
		{"a program that looks", "HEAD", "right", "", nil, 200, 0, ""},
		{"the button", "POST", "right", "", nil, 200, 1, "Nothing more comes to romeo@example.net."},
		{"a mail program", "POST", "right", "List-Unsubscribe=One-Click", nil, 200, 1, ""},
		{"somebody who guesses", "POST", "wrong", "", nil, 404, 0, "not known"},
		{"somebody who sends much", "POST", strings.Repeat("x", 10_000), "", nil, 404, 0, "not known"},
		{"no database", "POST", "right", "", broken, 503, 0, "at the moment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := &mailing{fault: c.fault}
			mux := http.NewServeMux()
			mux.Handle(LeavePath+"{token}", NewLeaveHandler(slog.New(slog.DiscardHandler), m))
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(c.method, LeavePath+c.token, strings.NewReader(c.body)))
			if w.Code != c.status || m.ended != c.ended || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("answered %d, ended %d times, want %d and %d, with %q:\n%s", w.Code, m.ended, c.status, c.ended, c.says, w.Body)
			}
		})
	}
}
