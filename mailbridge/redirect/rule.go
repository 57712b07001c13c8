package redirect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Bounds of rules.
const (
	MaxRules  = 50          // of a user
	maxRule   = 500         // bytes
	maxUnread = 7 * 24 * 60 // minutes
	maxTimes  = 12          // of a digest
	day       = 24 * 60     // minutes
)

// Rooms says which messages a rule is about.
type Rooms uint8

// The kinds.
const (
	RoomsNo       Rooms = iota // those of people
	RoomsMentions              // those in rooms that name the user
	RoomsYes                   // those in rooms
)

// Do says when a message is mailed.
type Do uint8

// The kinds.
const (
	DoNever   Do = iota
	DoAlways     // at once
	DoOffline    // at once, if the user has no client that could get it
	DoUnread     // if he has not read it for a while
	DoDigest     // at times of the day, if he has not read it by then
)

// Action is what becomes of a message.
type Action struct {
	Do    Do
	After int   // minutes, of DoUnread
	At    []int // minutes of the day, in order, of DoDigest
}

// Rule is what a user wants of some messages. The zero values of all but the action stand for everything.
type Rule struct {
	From       string // a JID, in which "*" stands for anything
	Rooms      Rooms
	Days       [7]bool // by time.Weekday
	Start, End int     // minutes of the day; over midnight where the end is before the start, and all day where they are the same
	Action     Action
}

// Message is what rules ask of one.
type Message struct {
	Peer           string // bare JID
	Room, Mentions bool
	At             time.Time // as the user's clock has it
}

// Rules are those of a user; the first one that fits counts.
type Rules []Rule

var (
	dayNames  = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	roomNames = map[Rooms]string{RoomsNo: "no", RoomsMentions: "mentions", RoomsYes: "yes"}
)

// Words that begin the parts of a rule.
const (
	wordFrom  = "from"
	wordRooms = "rooms"
	wordWhen  = "when"
	wordDo    = "do"
)

// Usage is how a rule is written.
func Usage(lang string) string {
	return text.Say(lang, "A rule is written so: from *@work.example rooms no when mon-fri 9-17 do unread 5. Behind “do” comes always, offline, unread with a number of minutes, digest at 8:00,18:00, or never. All but “do” may be left out.")
}

// ParseRule reads a rule as people write it. Its errors are for them.
func ParseRule(lang, line string) (Rule, error) {
	bad := func(said string) error { return transports.NewError(transports.BadRequest, said, nil) }
	if len(line) > maxRule {
		return Rule{}, bad(text.Say(lang, "This is too long."))
	}
	parts, ok := split(strings.Fields(line))
	if !ok || len(parts[wordDo]) == 0 {
		return Rule{}, bad(Usage(lang))
	}
	var r Rule
	for name, read := range map[string]func([]string) bool{
		wordFrom: r.readFrom, wordRooms: r.readRooms, wordWhen: r.readWhen, wordDo: r.Action.read,
	} {
		words, there := parts[name]
		if there && !read(lower(words)) {
			return Rule{}, bad(text.Say(lang, "This is not understood: “%s”.", name+" "+strings.Join(words, " ")) + " " + Usage(lang))
		}
	}
	return r, nil
}

func lower(words []string) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = strings.ToLower(w)
	}
	return all
}

// split finds the parts of a rule; ok is false where one is there twice, or something stands before the first.
func split(words []string) (parts map[string][]string, ok bool) {
	parts = make(map[string][]string)
	name := ""
	for _, w := range words {
		switch l := strings.ToLower(w); {
		case l == wordFrom || l == wordRooms || l == wordWhen || l == wordDo:
			if _, twice := parts[l]; twice {
				return nil, false
			}
			name, parts[l] = l, []string{}
		case name == "":
			return nil, false
		default:
			parts[name] = append(parts[name], w)
		}
	}
	return parts, true
}

func (r *Rule) readFrom(words []string) bool {
	if len(words) != 1 {
		return false
	}
	r.From = words[0]
	return true
}

func (r *Rule) readRooms(words []string) bool {
	for kind, name := range roomNames {
		if len(words) == 1 && words[0] == name {
			r.Rooms = kind
			return true
		}
	}
	return false
}

// readWhen reads days and hours, in any order: "mon-fri,sun 9-17:30".
func (r *Rule) readWhen(words []string) bool {
	if len(words) == 0 || len(words) > 2 {
		return false
	}
	days, hours := false, false
	for _, w := range words {
		switch {
		case w[0] >= '0' && w[0] <= '9':
			from, to, ok := strings.Cut(w, "-")
			var fine bool
			if r.Start, fine = minutes(from); !ok || !fine || hours {
				return false
			}
			if r.End, fine = minutes(to); !fine || r.Start == r.End%day {
				return false
			}
			r.End %= day
			hours = true
		default:
			if days || !r.readDays(w) {
				return false
			}
			days = true
		}
	}
	return true
}

func (r *Rule) readDays(word string) bool {
	for part := range strings.SplitSeq(word, ",") {
		first, last, span := strings.Cut(part, "-")
		from := slices.Index(dayNames[:], first)
		to := from
		if span {
			to = slices.Index(dayNames[:], last)
		}
		if from < 0 || to < 0 {
			return false
		}
		for d := from; ; d = (d + 1) % 7 {
			r.Days[d] = true
			if d == to {
				break
			}
		}
	}
	return true
}

// minutes reads a time of the day: "9", "9:30", "24:00".
func minutes(s string) (m int, ok bool) {
	hour, minute, more := strings.Cut(s, ":")
	h, err := strconv.Atoi(hour)
	if err != nil || len(hour) > 2 || h < 0 || h > 24 {
		return 0, false
	}
	if more {
		if m, err = strconv.Atoi(minute); err != nil || len(minute) != 2 || m < 0 || m > 59 {
			return 0, false
		}
	}
	m += 60 * h
	return m, m <= day
}

// read reads what stands behind "do".
func (a *Action) read(words []string) bool {
	switch {
	case len(words) == 0:
		return false
	case len(words) == 1 && words[0] == "never":
		a.Do = DoNever
	case len(words) == 1 && words[0] == "always":
		a.Do = DoAlways
	case len(words) == 1 && words[0] == "offline":
		a.Do = DoOffline
	case (len(words) == 2 || len(words) == 3 && strings.HasPrefix(words[2], "min")) && words[0] == "unread":
		n, err := strconv.Atoi(words[1])
		a.Do, a.After = DoUnread, n
		return err == nil && n >= 1 && n <= maxUnread
	case len(words) == 3 && words[0] == "digest" && words[1] == "at":
		a.Do = DoDigest
		for s := range strings.SplitSeq(words[2], ",") {
			m, ok := minutes(s)
			if !ok || len(a.At) >= maxTimes {
				return false
			}
			a.At = append(a.At, m%day)
		}
		slices.Sort(a.At)
		a.At = slices.Compact(a.At)
	default:
		return false
	}
	return true
}

// String writes a rule as it is read.
func (r Rule) String() string {
	var parts []string
	if r.From != "" {
		parts = append(parts, wordFrom, r.From)
	}
	if r.Rooms != RoomsNo {
		parts = append(parts, wordRooms, roomNames[r.Rooms])
	}
	if when := r.when(); when != "" {
		parts = append(parts, wordWhen+when)
	}
	return strings.Join(append(parts, wordDo, r.Action.String()), " ")
}

func (r *Rule) when() (s string) {
	var days []string
	for d := range 7 {
		if d = (d + 1) % 7; r.Days[d] { // a week begins on Monday
			days = append(days, dayNames[d])
		}
	}
	if len(days) > 0 {
		s = " " + strings.Join(days, ",")
	}
	if r.Start != r.End {
		s += " " + clock(r.Start) + "-" + clock(r.End)
	}
	return s
}

func clock(m int) string { return fmt.Sprintf("%d:%02d", m/60, m%60) }

// String writes an action as it is read.
func (a Action) String() string {
	switch a.Do {
	case DoAlways:
		return "always"
	case DoOffline:
		return "offline"
	case DoUnread:
		return "unread " + strconv.Itoa(a.After)
	case DoDigest:
		times := make([]string, len(a.At))
		for i, m := range a.At {
			times[i] = clock(m)
		}
		return "digest at " + strings.Join(times, ",")
	}
	return "never"
}

// ParseRules reads rules, one a line. Its errors are for who wrote them.
func ParseRules(lang string, lines []string) (Rules, error) {
	var rules Rules
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(rules) >= MaxRules {
			return nil, transports.NewError(transports.TooLarge, text.Say(lang, "You may have %d rules.", MaxRules), nil)
		}
		r, err := ParseRule(lang, line)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// Lines writes rules as they are read.
func (rs Rules) Lines() []string {
	lines := make([]string, len(rs))
	for i := range rs {
		lines[i] = rs[i].String()
	}
	return lines
}

// usualUnread is after how many minutes an unread message is mailed where no rule says otherwise.
const usualUnread = 10

// Names reports whether a user has named somebody in his rules, or the domain that he is from, and wants to hear of him.
func (all Rules) Names(peer string) bool {
	for i := range all {
		domain := all[i].From[strings.LastIndexByte(all[i].From, '@')+1:]
		if domain != "" && !strings.Contains(domain, "*") && all[i].Action.Do != DoNever && glob(all[i].From, strings.ToLower(peer)) {
			return true
		}
	}
	return false
}

// Usual is what becomes of a message about which no rule says anything. Marks says that it is known what the user has read.
func Usual(room, marks bool) Action {
	switch {
	case room:
		return Action{Do: DoNever}
	case marks:
		return Action{Do: DoUnread, After: usualUnread}
	}
	return Action{Do: DoOffline}
}

// Match is what becomes of a message.
func (rs Rules) Match(m Message, marks bool) Action {
	for i := range rs {
		if rs[i].fits(&m) {
			return rs[i].Action
		}
	}
	return Usual(m.Room, marks)
}

func (r *Rule) fits(m *Message) bool {
	switch r.Rooms {
	case RoomsNo:
		if m.Room {
			return false
		}
	case RoomsMentions:
		if !m.Room || !m.Mentions {
			return false
		}
	case RoomsYes:
		if !m.Room {
			return false
		}
	}
	return (r.From == "" || glob(r.From, strings.ToLower(m.Peer))) && r.isTime(m.At)
}

// isTime reports whether a rule is about a time. What is over midnight belongs to the day on which it began.
func (r *Rule) isTime(at time.Time) bool {
	minute, weekday := at.Hour()*60+at.Minute(), int(at.Weekday())
	if r.Start != r.End {
		switch {
		case r.Start < r.End:
			if minute < r.Start || minute >= r.End {
				return false
			}
		case minute < r.End:
			weekday = (weekday + 6) % 7
		case minute < r.Start:
			return false
		}
	}
	return r.Days == [7]bool{} || r.Days[weekday]
}

// glob reports whether a pattern, in which "*" stands for anything, is about a name. It takes no longer than their lengths multiplied.
func glob(pattern, name string) bool {
	p, n := 0, 0
	star, mark := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
