package ircbridge

import (
	"testing"

	"passerelle/transports"
)

// TestRename: a channel with another name is another room of which the user is a member, or the same one where only letters of it became
// small; what cannot be followed ends.
func TestRename(t *testing.T) {
	t.Parallel()
	s, c := online(t)
	s.rooms = append(s.rooms, &room{target: roomOf("#den"), name: "#den", state: roomIn, entered: true},
		&room{target: roomOf("#far"), name: "#far", state: roomEntering, enter: &entering{refs: []transports.Ref{7}}})
	for _, tc := range []struct {
		line string
		want []transports.Event
	}{
		{":bob!b@h RENAME #TEST #Test2 :new \x02name", []transports.Event{transports.Moved{Room: roomOf("#test"), To: roomOf("#test2"), Name: "#Test2", By: "bob", Reason: "new name"}}},
		{":bob!b@h RENAME #test2 #TEST2 :loud", nil},
		{":bob!b@h RENAME #nowhere #else", nil},
		{":bob!b@h RENAME #test2", nil},
		{":bob!b@h RENAME #test2 two", nil},
		{":bob!b@h PRIVMSG #test2 :hi", []transports.Event{transports.Message{}}},
		{":irc.test RENAME #far #farther :x", []transports.Event{transports.Done{Ref: 7}}},
		{":irc.test RENAME #den #test2 :merged", []transports.Event{transports.Parted{}}},
	} {
		s.out = nil
		s.handle(c, tc.line)
		if len(s.out) != len(tc.want) {
			t.Errorf("%s: got %v", tc.line, s.out)
			continue
		}
		for i, want := range tc.want {
			switch want := want.(type) {
			case transports.Moved:
				if s.out[i] != want {
					t.Errorf("%s: got %+v, want %+v", tc.line, s.out[i], want)
				}
			case transports.Message:
				if m, ok := s.out[i].(transports.Message); !ok || m.Room != roomOf("#test2") {
					t.Errorf("%s: got %+v", tc.line, s.out[i])
				}
			case transports.Parted:
				if p, ok := s.out[i].(transports.Parted); !ok || p.Room != roomOf("#den") || !p.Self || p.How != transports.PartLost {
					t.Errorf("%s: got %+v", tc.line, s.out[i])
				}
			case transports.Done:
				if d, ok := s.out[i].(transports.Done); !ok || d.Ref != want.Ref {
					t.Errorf("%s: got %+v", tc.line, s.out[i])
				} else {
					wantKind(t, d.Err, transports.Gone)
				}
			}
		}
	}
}
