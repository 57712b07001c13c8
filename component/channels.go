package component

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/transports"
)

const channelsName = "channels"

// Names of the fields of a search for rooms.
const (
	findWord    = "word"
	findTopic   = "topic"
	findPeople  = "people"
	findNetwork = "network"
)

// Bounds of searches. A network reads all its rooms for one, so that a user has few.
const (
	maxFindWord  = 100 // bytes
	maxSearches  = 10  // of a user in searchTime
	searchTime   = time.Minute
	maxFound     = 1000 // rooms, those with the most people
	mostOfPeople = 99_999_999
)

// channelsCommand is "channels": it finds rooms of a network.
func (g *Gateway) channelsCommand() transports.Command {
	return transports.Command{
		Name: channelsName, Title: g.opt.Transport.Describe().Prompt.Room.Search,
		For:  []transports.TargetKind{transports.TargetDomain, transports.TargetNetwork},
		Next: g.channelsForm, List: g.channelsList,
	}
}

func (g *Gateway) channelsForm(_ context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values != nil {
		return nil, nil
	}
	return &transports.Form{Title: g.about().Prompt.Room.Search, Fields: g.searchFields(call.On.Network == "")}, nil
}

// searchFields are what rooms are searched for by; anywhere says that the network is still to be named.
func (g *Gateway) searchFields(anywhere bool) []transports.Field {
	fields := []transports.Field{
		{Name: findWord, Label: "Word in the name"},
		{Name: findTopic, Label: "Word in the topic"},
		{Name: findPeople, Label: "Least number of people"},
	}
	if anywhere {
		field := transports.Field{Name: findNetwork, Label: "Network"}
		if len(g.about().Networks) > 0 {
			field.Values = []string{g.about().Networks[0].ID}
		}
		fields = append(fields, field)
	}
	return fields
}

// searchColumns are what is told of a room that was found, beside its name.
var searchColumns = []transports.Column{{Name: findPeople, Label: "People"}, {Name: findTopic, Label: "Topic"}}

// searchedNetwork is where rooms are searched for: the first network that the operator named, where nothing else is said.
func (g *Gateway) searchedNetwork(call transports.Call) (string, error) {
	name := call.Values.Get(findNetwork)
	switch {
	case call.On.Network != "":
		return call.On.Network, nil
	case name == "" && len(g.about().Networks) > 0:
		return g.about().Networks[0].ID, nil
	}
	on, err := g.opt.Transport.Find(call.Lang, name, transports.TargetNetwork)
	return on.Network, err
}

func (g *Gateway) channelsList(ctx context.Context, call transports.Call, at transports.Page) (*transports.Table, error) {
	network, err := g.searchedNetwork(call)
	if err != nil {
		return nil, err
	}
	found, err := g.findRooms(ctx, call, network)
	if err != nil {
		return nil, err
	}
	t := &transports.Table{
		Title:   g.about().Prompt.Room.Search,
		Empty:   "Nothing was found. Not every channel is listed: you can join any by its name.",
		Columns: append([]transports.Column{{Name: "room", Label: g.about().Prompt.Room.Label}}, searchColumns...),
	}
	for _, r := range found {
		t.Rows = append(t.Rows, transports.Row{
			Key:   fmt.Sprintf("%08d %s", mostOfPeople-min(r.Members, mostOfPeople), r.Room.ID),
			Cells: []string{r.Name, strconv.Itoa(r.Members), r.Subject},
			Pick:  "join " + g.opt.Transport.Format(r.Room),
		})
	}
	return t.Cut(at), nil
}

// findRooms finds rooms by what was filled in, those with the most people first.
func (g *Gateway) findRooms(ctx context.Context, call transports.Call, network string) ([]transports.RoomInfo, error) {
	word, topic := strings.ToLower(call.Values.Get(findWord)), strings.ToLower(call.Values.Get(findTopic))
	if len(word) > maxFindWord {
		return nil, transports.NewError(transports.BadRequest, text.Say(call.Lang, "This is too long."), nil)
	}
	least := 0
	if s := call.Values.Get(findPeople); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, transports.NewError(transports.BadRequest, text.Say(call.Lang, "%s is no number.", quote(s)), nil)
		}
		least = n
	}
	all, err := g.listedRooms(ctx, call, network, word)
	if err != nil {
		return nil, err
	}
	var found []transports.RoomInfo
	for _, r := range all {
		if r.Members >= least && strings.Contains(strings.ToLower(r.Name), word) && strings.Contains(strings.ToLower(r.Subject), topic) {
			found = append(found, r)
		}
	}
	return found[:min(len(found), maxFound)], nil
}

// searched is what a network answered to a search.
type searched struct {
	rooms []transports.RoomInfo // those with the most people first; nobody changes them
	err   error
}

// listedRooms are the rooms of a network that have a word in their name, asked in somebody's name.
func (g *Gateway) listedRooms(ctx context.Context, call transports.Call, network, word string) ([]transports.RoomInfo, error) {
	answer := make(chan searched, 1)
	if !g.onUser(call.User, func(u *user) { u.searchRooms(network, word, func(s searched) { answer <- s }) }) {
		return nil, transports.NewError(transports.Busy, stoppingText, nil)
	}
	select {
	case s := <-answer:
		return s.rooms, s.err
	case <-ctx.Done():
		return nil, transports.NewError(transports.Offline, text.Say(call.Lang, "%s has not answered yet. Try again in a moment.", network), context.Cause(ctx))
	}
}

// searchRooms asks a network for its rooms. The answer is kept for a while for the pages that follow.
func (u *user) searchRooms(network, word string, then func(searched)) {
	key := network + " " + word
	if s, ok := u.searches[key]; ok {
		then(s)
		return
	}
	if !u.asked.take(1, maxSearches, searchTime) {
		then(searched{err: u.inWords("", transports.NewError(transports.Busy, "You have searched very often. Try again in a minute.", nil))})
		return
	}
	n, err := u.network(network)
	if err != nil {
		then(searched{err: err})
		return
	}
	n.ask(func(ref transports.Ref) transports.Request { return transports.List{Ref: ref, Name: word} }, func(ev transports.Event, err *transports.Error) {
		list, ok := ev.(transports.RoomList)
		switch {
		case err != nil:
			then(searched{err: u.inWords("", err)})
			return
		case !ok:
			then(searched{err: transports.NewError(transports.Internal, "", nil)})
			return
		}
		s := searched{rooms: slices.Clone(list.Rooms)} // others may have the same
		slices.SortStableFunc(s.rooms, func(a, b transports.RoomInfo) int {
			if a.Members != b.Members {
				return b.Members - a.Members
			}
			return strings.Compare(a.Room.ID, b.Room.ID)
		})
		s.rooms = slices.CompactFunc(s.rooms, func(a, b transports.RoomInfo) bool { return a.Room == b.Room })
		u.keepSearch(key, s)
		n.linger(keepList) // he searches on, or enters what was found
		then(s)
	})
	if n.idle() {
		n.close("")
	}
}

// maxKeptSearches is how many answers are kept of a user at a time.
const maxKeptSearches = 4

func (u *user) keepSearch(key string, s searched) {
	if len(u.searches) >= maxKeptSearches {
		return // pages that follow ask anew
	}
	if u.searches == nil {
		u.searches = make(map[string]searched)
	}
	u.searches[key] = s
	u.after(keepList, func() { delete(u.searches, key) })
}

// channelArgs reads what stands behind "channels": a word, that there are more people than so many as in ">20", and a network, each of which may be
// missing. Ask says that nothing tells which network is meant.
func (u *user) channelArgs(lang string, on transports.Target, words []string) (values []string, network string, ask bool) {
	var word []string
	for _, w := range words {
		if more, ok := strings.CutPrefix(w, ">"); ok {
			if n, err := strconv.Atoi(more); err == nil {
				values = append(values, findPeople+"="+strconv.Itoa(n+1))
				continue
			}
		}
		word = append(word, w)
	}
	network = on.Network
	if last := len(word) - 1; last >= 0 && network == "" {
		if t, err := u.g.opt.Transport.Find(lang, word[last], transports.TargetNetwork); err == nil && t.Kind == transports.TargetNetwork && (last > 0 || u.isName(word[last], t.Network)) {
			network, word = t.Network, word[:last]
			if last := len(word) - 1; last >= 0 && slices.Contains([]string{"on", "in", "sur", "à", "chez"}, strings.ToLower(word[last])) {
				word = word[:last]
			}
		}
	}
	if network == "" && len(u.g.about().Networks) > 0 {
		network = u.g.about().Networks[0].ID
	}
	values = append(values, findWord+"="+strings.Join(word, " "))
	if on.Network == "" {
		values = append(values, findNetwork+"="+network)
	}
	return values, network, network == ""
}

// isName reports whether a word is the name of a network rather than a part of it, as which it may be what is searched for.
func (u *user) isName(word, network string) bool {
	for _, n := range u.g.about().Networks {
		if n.ID == network {
			return strings.EqualFold(word, n.ID) || strings.EqualFold(word, n.Name)
		}
	}
	return true
}
