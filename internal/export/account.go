package export

import (
	"bufio"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
)

// version is that of the format; it grows when a program that reads it would go wrong.
const version = 1

// account is what account.json says.
type account struct {
	Format      string    `json:"format"`
	Version     int       `json:"version"`
	Gateway     string    `json:"gateway"`
	User        string    `json:"user"`
	Made        string    `json:"made"`
	FirstSeen   string    `json:"first_seen,omitempty"`
	LastSeen    string    `json:"last_seen,omitempty"`
	LastActed   string    `json:"last_acted,omitempty"`
	IdleWarned  string    `json:"idle_warned,omitempty"`
	IdleGone    string    `json:"idle_gone,omitempty"`
	DeniedSince string    `json:"denied_since,omitempty"`
	Settings    []setting `json:"settings"`
	Contacts    []string  `json:"contacts"`
	Blocked     []string  `json:"blocked"`
	Rooms       []room    `json:"rooms"`
	Files       []file    `json:"files"`
}

type setting struct {
	Scope  string `json:"scope"`
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

type room struct {
	Room     string `json:"room"`
	Client   string `json:"client,omitempty"` // its resource; not there for a room that the user stays in
	Nick     string `json:"nick"`
	Password bool   `json:"password,omitempty"` // there is one
	Since    string `json:"since"`
}

type file struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Size    int64  `json:"size"`
	Expires string `json:"expires"`
	File    string `json:"file"` // of the archive
}

// timeOrNone is a time as JSON has it; empty for none.
func timeOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stanza.Time(t)
}

func (a *archive) account(from *store.Account, files []string) account {
	out := account{
		Format: "passerelle-export", Version: version, Gateway: a.User.Domain, User: a.User.JID, Made: stanza.Time(a.Now),
		FirstSeen: timeOrNone(from.User.FirstSeen), LastSeen: timeOrNone(from.User.LastSeen), DeniedSince: timeOrNone(from.DeniedSince),
		LastActed: timeOrNone(from.Idle.Acted), IdleWarned: timeOrNone(from.Idle.Warned), IdleGone: timeOrNone(from.Idle.Gone),
		Settings: []setting{}, Contacts: []string{}, Blocked: append([]string{}, from.Blocked...), Rooms: []room{}, Files: []file{},
	}
	for _, s := range from.Settings {
		out.Settings = append(out.Settings, setting(s))
	}
	for _, local := range from.Contacts {
		out.Contacts = append(out.Contacts, a.jid(local))
	}
	for _, r := range from.Rooms {
		out.Rooms = append(out.Rooms, room{a.jid(r.Room), r.Resource, r.Nick, r.Password, stanza.Time(r.EnteredAt)})
	}
	for i, f := range from.Files {
		out.Files = append(out.Files, file{f.Name, f.Type, f.Size, stanza.Time(f.Expires), files[i]})
	}
	return out
}

// jid is the address of a local part; empty stands for the gateway.
func (a *archive) jid(local string) string {
	if local == "" {
		return a.User.Domain
	}
	return local + "@" + a.User.Domain
}

// sayTime writes a time for people.
func sayTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// readme writes what is in the archive, and what account.json says, for people.
func (a *archive) readme(w *bufio.Writer, from *store.Account) error {
	say := func(s string) { w.WriteString(plain(s) + "\n") }
	list := func(title string, n int, item func(i int) string) {
		w.WriteString("\n" + title + "\n")
		if n == 0 {
			w.WriteString("  " + text.Say(a.Lang, "none") + "\n")
		}
		for i := range n {
			w.WriteString("  " + plain(item(i)) + "\n")
		}
	}
	say(text.Say(a.Lang, "Everything that the gateway %s keeps about %s", a.User.Domain, a.User.JID))
	say(text.Say(a.Lang, "Made: %s", sayTime(a.Now)))
	if !from.User.FirstSeen.IsZero() {
		say(text.Say(a.Lang, "Known since: %s. Last seen: %s.", sayTime(from.User.FirstSeen), sayTime(from.User.LastSeen)))
	}
	if !from.Idle.Acted.IsZero() {
		say(text.Say(a.Lang, "You last did something yourself: %s", sayTime(from.Idle.Acted)))
	}
	if !from.Idle.Warned.IsZero() {
		say(text.Say(a.Lang, "You were told that you will be taken off the networks: %s", sayTime(from.Idle.Warned)))
	}
	if !from.Idle.Gone.IsZero() {
		say(text.Say(a.Lang, "You were taken off the networks: %s", sayTime(from.Idle.Gone)))
	}
	if !from.DeniedSince.IsZero() {
		say(text.Say(a.Lang, "Denied the gateway by its administrators since: %s", sayTime(from.DeniedSince)))
	}
	w.WriteString("\n")
	say(text.Say(a.Lang, "What is said in rooms while you are there is in the folder rooms, what you and others wrote each other in private.txt."))
	say(text.Say(a.Lang, "Files that end in .jsonl have the same for programs: each line is a message in JSON, with the stanza that it was. messages.json lists them."))
	say(text.Say(a.Lang, "account.json has what is written below. Passwords are not in here, only that they are set."))
	list(text.Say(a.Lang, "Settings:"), len(from.Settings), func(i int) string {
		s := from.Settings[i]
		if s.Secret {
			return s.Scope + " " + s.Name + " " + text.Say(a.Lang, "(a secret)")
		}
		return s.Scope + " " + s.Name + " = " + s.Value
	})
	list(text.Say(a.Lang, "Contacts:"), len(from.Contacts), func(i int) string { return a.jid(from.Contacts[i]) })
	list(text.Say(a.Lang, "Blocked:"), len(from.Blocked), func(i int) string { return from.Blocked[i] })
	list(text.Say(a.Lang, "Rooms that you are in:"), len(from.Rooms), func(i int) string {
		r := from.Rooms[i]
		return a.jid(r.Room) + " " + r.Nick + " " + r.Resource
	})
	list(text.Say(a.Lang, "Files:"), len(from.Files), func(i int) string {
		f := from.Files[i]
		return f.Name + " " + text.Say(a.Lang, "(until %s)", sayTime(f.Expires))
	})
	return nil // the writer keeps the error of its end
}
