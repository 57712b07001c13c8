package component

import (
	"strconv"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// nsRSM is the namespace of result set management (XEP-0059).
const nsRSM = "http://jabber.org/protocol/rsm"

// pageRequest is what part of a list somebody wants.
type pageRequest struct {
	asked  bool // he knows pages
	max    int
	after  string
	before string
	last   bool // the last page: "before" without an id
	index  int  // -1 unless asked for
}

// later reports whether somebody goes on with a list that he has seen a part of.
func (p pageRequest) later() bool { return p.after != "" || p.before != "" || p.index > 0 || p.last }

// readPage reads the <set/> of a request. Max is what is given where nothing is asked for, and the most.
func readPage(query *stanza.Element, most int) (pageRequest, *transports.Error) {
	set := query.Child(nsRSM, "set")
	p := pageRequest{asked: set != nil, max: most, index: -1}
	if set == nil {
		return p, nil
	}
	if e := set.Child(nsRSM, "max"); e != nil {
		n, err := strconv.Atoi(e.Text())
		if err != nil || n < 0 {
			return p, transports.NewError(transports.BadRequest, "The size of a page is a number.", nil)
		}
		p.max = min(n, most)
	}
	p.after = set.Child(nsRSM, "after").Text()
	if e := set.Child(nsRSM, "before"); e != nil {
		p.before = e.Text()
		p.last = p.before == ""
	}
	if e := set.Child(nsRSM, "index"); e != nil {
		n, err := strconv.Atoi(e.Text())
		if err != nil || n < 0 {
			return p, transports.NewError(transports.BadRequest, "The index of a page is a number.", nil)
		}
		p.index = n
	}
	return p, nil
}

// cut finds the part of a list of n items that is asked for; find gives the place of an id, or -1.
func (p pageRequest) cut(n int, find func(id string) int) (from, to int, err *transports.Error) {
	place := func(id string) int {
		i := find(id)
		if i < 0 { // XEP-0059 §2.2
			err = transports.NewError(transports.NotFound, "The list has no such item any more.", nil)
		}
		return i
	}
	to = n
	switch {
	case p.after != "":
		from = place(p.after) + 1
	case p.before != "":
		to = max(place(p.before), 0)
		from = max(0, to-p.max)
	case p.last:
		from = max(0, n-p.max)
	case p.index >= 0:
		from = min(p.index, n)
	}
	return from, min(to, from+p.max), err
}

// appendSet writes which part of a list it is. Index and count are left out where they are below 0, since nobody knows them.
func appendSet(b *stanza.Builder, first, last string, index, count int) {
	b.StartNS("set", nsRSM)
	if first != "" {
		b.Start("first")
		if index >= 0 {
			b.Int("index", index)
		}
		b.Text(first).End()
		b.Start("last").Text(last).End()
	}
	if count >= 0 {
		b.Start("count").Text(strconv.Itoa(count)).End()
	}
	b.End()
}
