package component

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passerelle/component/avatar"
	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/transports"
)

const (
	nsErrors   = `urn:ietf:params:xml:ns:xmpp-stanzas`
	bobFeed    = `urn:xmpp:microblog:0`
	bobAnswers = `urn:xmpp:microblog:0:comments/p1`
	bobLikes   = `urn:xmpp:pubsub-attachments:1/xmpp:bob%5C40example.com@irc.localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=p1`
)

func pubsubIQ(typ, payload string) string {
	return `<iq type='` + typ + `' id='q' to='` + bobContact + `'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` + payload + `</pubsub></iq>`
}

func pubsubResult(payload string) string {
	return `<iq type='result' id='q' from='` + bobContact + `'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` + payload + `</pubsub></iq>`
}

// refusal is the pattern of an error, with a condition of XEP-0060 where it has one.
func refusal(condition, special string) string {
	if special != "" {
		special = `<` + special + ` xmlns='http://jabber.org/protocol/pubsub#errors'/>`
	}
	return `<iq type='error' id='q'><error><` + condition + ` xmlns='` + nsErrors + `'/>` + special + `</error></iq>`
}

// item is the pattern of an item with an entry.
func item(id, publisher, title string) string {
	return `<item id='` + id + `' publisher='` + publisher + `'><entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>` + title + `</title></entry></item>`
}

func rsm(first, last string, index, count int) string {
	return `<set xmlns='http://jabber.org/protocol/rsm'><first index='` + strconv.Itoa(index) + `'>` + first + `</first><last>` + last + `</last><count>` + strconv.Itoa(count) + `</count></set>`
}

// What clients ask of the nodes of somebody who publishes, and what they get: feeds and answers (XEP-0060, XEP-0277, XEP-0472), what is attached to them
// (XEP-0470), who follows whom (XEP-0330, XEP-0465).
func TestNodesAreRead(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	alice := w.client("alice@localhost/phone")
	items := func(node, more string) string { return `<items node='` + node + `'>` + more + `</items>` }
	const carol = `carol\40example.com@irc.localhost`
	ask := func(name, ask, want string) {
		t.Helper()
		alice.send(pubsubIQ("get", ask))
		if _, err := alice.match(want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	three := item("p3", bobContact, "three") + item("p2", bobContact, "two") + item("p1", bobContact, "one")
	ask("all", items(bobFeed, ""), pubsubResult(items(bobFeed, three)))
	ask("the newest", `<items node='`+bobFeed+`' max_items='1'/>`, pubsubResult(items(bobFeed, item("p3", bobContact, "three"))+rsm("p3", "p3", 0, 3)))
	ask("a page", items(bobFeed, "")+`<set xmlns='`+nsRSM+`'><max>2</max></set>`, pubsubResult(items(bobFeed, item("p3", bobContact, "three")+item("p2", bobContact, "two"))+rsm("p3", "p2", 0, 3)))
	ask("the next page", items(bobFeed, "")+`<set xmlns='`+nsRSM+`'><max>2</max><after>p2</after></set>`, pubsubResult(items(bobFeed, item("p1", bobContact, "one"))+rsm("p1", "p1", 2, 3)))
	ask("the page before", items(bobFeed, "")+`<set xmlns='`+nsRSM+`'><max>1</max><before>p2</before></set>`, pubsubResult(items(bobFeed, item("p3", bobContact, "three"))+rsm("p3", "p3", 0, 3)))
	ask("how many", items(bobFeed, "")+`<set xmlns='`+nsRSM+`'><max>0</max></set>`, pubsubResult(`<items node='`+bobFeed+`'/><set xmlns='`+nsRSM+`'><count>3</count></set>`))
	ask("by name", items(bobFeed, `<item id='p2'/>`), pubsubResult(items(bobFeed, item("p2", bobContact, "two"))))
	ask("by a name that there is not", items(bobFeed, `<item id='p9'/>`), refusal("item-not-found", ""))
	ask("answers", items(bobAnswers, ""), pubsubResult(items(bobAnswers, item("c1", carol, "yes"))))
	ask("answers of nothing", items(bobFeed+":comments/p9", ""), refusal("item-not-found", ""))
	ask("of an unknown node", items("urn:example:x", ""), refusal("item-not-found", ""))
	ask("of no node", `<items/>`, refusal("bad-request", "nodeid-required"))
	ask("by a number", items(bobFeed, "")+`<set xmlns='`+nsRSM+`'><index>1</index></set>`, refusal("feature-not-implemented", ""))
	ask("likes", items(bobLikes, ""), pubsubResult(items(bobLikes, `<item id='`+carol+`' publisher='`+carol+`'><attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed timestamp='2026-11-20T12:00:00Z'/></attachments></item>`)))
	ask("somebody's likes", items(bobLikes, `<item id='alice@localhost'/>`), refusal("item-not-found", ""))
	ask("likes of somebody else's", items(strings.Replace(bobLikes, "bob", "dave", 1), ""), refusal("item-not-found", ""))
	const summary = `urn:xmpp:pubsub-attachments:summary:1/urn:xmpp:microblog:0`
	ask("likes in short", items(summary, `<item id='p1'/>`), pubsubResult(items(summary, `<item id='p1'><summary xmlns='urn:xmpp:pubsub-attachments:summary:1'><noticed count='2'/></summary></item>`)))
	id := func(jid string) string {
		a, _ := transports.ParseAddress(jid)
		owner, _ := transports.ParseAddress(bobContact)
		return microblog.ListID(a, bobFeed, owner)
	}
	ask("followees", items("urn:xmpp:pps:subscriptions:0", ""), pubsubResult(items("urn:xmpp:pps:subscriptions:0",
		`<item id='`+id(carol)+`'><subscription xmlns='urn:xmpp:pps:0' node='`+bobFeed+`' jid='`+carol+`'/></item>`+
			`<item id='`+id("dave@localhost")+`'><subscription xmlns='urn:xmpp:pps:0' node='`+bobFeed+`' jid='dave@localhost'/></item>`)))
	ask("followers", items("urn:xmpp:pps:subscribers:0/urn:xmpp:microblog:0", `<item id='`+id(carol)+`'/>`), pubsubResult(items("urn:xmpp:pps:subscribers:0/urn:xmpp:microblog:0",
		`<item id='`+id(carol)+`'><subscriber xmlns='urn:xmpp:pps:0' jid='`+carol+`'/></item>`)))
	ask("followees as Movim asks", items("urn:xmpp:pubsub:subscription", "")+`<set xmlns='`+nsRSM+`'><max>1</max></set>`, pubsubResult(items("urn:xmpp:pubsub:subscription",
		`<item id='`+id(carol)+`'><subscription xmlns='urn:xmpp:pubsub:subscription:0' server='`+carol+`' node='`+bobFeed+`'><title>Carol</title></subscription></item>`)+
		rsm(id(carol), id(carol), 0, 2)))
	ask("own subscriptions", `<subscriptions/>`, pubsubResult(`<subscriptions><subscription node='`+bobFeed+`' jid='alice@localhost' subscription='subscribed'/><subscription node='`+bobAnswers+`'/></subscriptions>`))
	ask("own subscriptions to a node", `<subscriptions node='`+bobAnswers+`'/>`, pubsubResult(`<subscriptions node='`+bobAnswers+`'><subscription node='`+bobAnswers+`'/></subscriptions>`))
	ask("affiliations", `<affiliations/>`, refusal("feature-not-implemented", "unsupported"))
	ask("nothing", ``, refusal("bad-request", ""))
	ask("nodes that everybody has", items("http://jabber.org/protocol/nick", ""), pubsubResult(items("http://jabber.org/protocol/nick", `<item id='current'><nick xmlns='http://jabber.org/protocol/nick'>Bob Bobson</nick></item>`)))
	alice.ask(`<iq type='get' id='q' to='`+bobContact+`'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='`+bobFeed+`'/></pubsub></iq>`, refusal("forbidden", ""))
	alice.ask(strings.Replace(pubsubIQ("get", items(bobFeed, "")), bobContact, "irc.localhost", 1), refusal("item-not-found", ""))
	var many strings.Builder
	for i := range maxItemIDs + 1 {
		many.WriteString(`<item id='` + strconv.Itoa(i) + `'/>`)
	}
	ask("too much", items(bobFeed, many.String()), refusal("policy-violation", ""))
}

// What users change there.
func TestNodesAreWritten(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	alice := w.client("alice@localhost/phone")
	ask := func(name, ask, want string, did string) {
		t.Helper()
		alice.send(pubsubIQ("set", ask))
		if did != "" {
			w.done(did)
		}
		if _, err := alice.match(want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const done = `<iq type='result' id='q' from='` + bobContact + `'/>`
	const me = "alice@localhost bob@example.com "
	ask("subscribe", `<subscribe node='`+bobFeed+`' jid='alice@localhost/phone'/>`, pubsubResult(`<subscription node='`+bobFeed+`' jid='alice@localhost/phone' subscription='subscribed'/>`), "subscribe "+me+bobFeed)
	ask("subscribe to answers", `<subscribe node='`+bobAnswers+`' jid='alice@localhost'/>`, pubsubResult(`<subscription jid='alice@localhost'/>`), "subscribe "+me+bobAnswers)
	ask("subscribe another", `<subscribe node='`+bobFeed+`' jid='dave@localhost'/>`, refusal("bad-request", "invalid-jid"), "")
	ask("subscribe to likes", `<subscribe node='`+bobLikes+`' jid='alice@localhost'/>`, refusal("feature-not-implemented", "unsupported"), "")
	ask("unsubscribe", `<unsubscribe node='`+bobFeed+`' jid='alice@localhost' subid='x'/>`, done, "unsubscribe "+me+bobFeed)
	const entry = `<entry xmlns='http://www.w3.org/2005/Atom'><author><name>Alice</name><uri>xmpp:dave@localhost</uri></author><title>I agree</title></entry>`
	ask("answer", `<publish node='`+bobAnswers+`'><item id='x'>`+entry+`</item></publish><publish-options/>`,
		pubsubResult(`<publish node='`+bobAnswers+`'><item id='stable1'/></publish>`), "comment "+me+bobAnswers+" I agree")
	want := transports.Entry{Item: "x", Author: transports.Author{Name: "Alice", User: transports.Address{Local: "alice", Domain: "localhost"}}, Body: "I agree"}
	if diff := cmp.Diff(want, w.social.comment); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	ask("answer nothing", `<publish node='`+bobAnswers+`'/>`, refusal("bad-request", "item-required"), "")
	ask("answer without words", `<publish node='`+bobAnswers+`'><item id='x'/></publish>`, refusal("bad-request", "payload-required"), "")
	ask("answer nonsense", `<publish node='`+bobAnswers+`'><item id='x'><tune xmlns='urn:x'/></item></publish>`, refusal("bad-request", "invalid-payload"), "")
	ask("publish for another", `<publish node='`+bobFeed+`'><item id='x'>`+entry+`</item></publish>`, refusal("forbidden", ""), "")
	ask("take back", `<retract node='`+bobAnswers+`' notify='true'><item id='stable1'/></retract>`, done, "uncomment "+me+bobAnswers+" stable1")
	ask("take back nothing", `<retract node='`+bobAnswers+`'/>`, refusal("bad-request", "item-required"), "")
	ask("take back another's", `<retract node='`+bobFeed+`'><item id='p1'/></retract>`, refusal("forbidden", ""), "")
	const likes = `<attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/><reactions><reaction>🎉</reaction></reactions></attachments>`
	ask("like", `<publish node='`+bobLikes+`'><item id='alice@localhost'>`+likes+`</item></publish>`,
		pubsubResult(`<publish node='`+bobLikes+`'><item id='alice@localhost'/></publish>`), "regard "+me+"p1")
	if r := w.social.regard; !r.Noticed || len(r.Reactions) != 1 || r.By.User.Local != "alice" {
		t.Errorf("regards it as %+v", r)
	}
	ask("like as another", `<publish node='`+bobLikes+`'><item id='dave@localhost'>`+likes+`</item></publish>`, refusal("bad-request", "invalid-payload"), "")
	ask("like with nonsense", `<publish node='`+bobLikes+`'><item id='alice@localhost'><x xmlns='urn:x'/></item></publish>`, refusal("bad-request", "invalid-payload"), "")
	ask("like no more", `<retract node='`+bobLikes+`'><item id='alice@localhost'/></retract>`, done, "regard "+me+"p1")
	if r := w.social.regard; r.Noticed || len(r.Reactions) != 0 {
		t.Errorf("regards it as %+v", r)
	}
	ask("have another like no more", `<retract node='`+bobLikes+`'><item id='dave@localhost'/></retract>`, refusal("forbidden", ""), "")
	ask("make a node that there is", `<create node='`+bobAnswers+`'/>`, refusal("not-allowed", ""), "")
	ask("make a node", `<create node='urn:example:x'/>`, refusal("feature-not-implemented", "unsupported"), "")
	ask("nothing", ``, refusal("bad-request", ""), "")
	w.social.mu.Lock()
	w.social.refuse = transports.NewError(transports.NotRegistered, "Say first that you want to be on the social web.", nil)
	w.social.mu.Unlock()
	ask("what the transport refuses", `<subscribe node='`+bobFeed+`' jid='alice@localhost'/>`, refusal("registration-required", ""), "subscribe "+me+bobFeed)
	alice.ask(`<iq type='set' id='b' to='irc.localhost'><block xmlns='urn:xmpp:blocking'><item jid='`+bobContact+`'/></block></iq>`, `<iq type='result' id='b'/>`)
	ask("of somebody who is blocked", `<subscribe node='`+bobFeed+`' jid='alice@localhost'/>`, refusal("not-acceptable", ""), "")
}

// Clients find out that somebody has nodes, which, and of what kind.
func TestNodesAreDiscovered(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	alice := w.client("alice@localhost/phone")
	info := func(node, want string) {
		t.Helper()
		alice.ask(`<iq type='get' id='q' to='`+bobContact+`'><query xmlns='`+nsDiscoInfo+`'`+node+`/></iq>`, want)
	}
	for _, f := range pubsubFeatures {
		info("", `<iq type='result' id='q'><query xmlns='`+nsDiscoInfo+`'><identity category='pubsub' type='pep'/><identity category='account' type='registered'/><feature var='`+f+`'/></query></iq>`)
	}
	leaf := func(model string) string {
		return `<iq type='result' id='q'><query xmlns='` + nsDiscoInfo + `'><identity category='pubsub' type='leaf'/><feature var='http://jabber.org/protocol/pubsub'/>` +
			`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#meta-data</value></field>` +
			`<field var='pubsub#type'><value>urn:xmpp:microblog:0</value></field><field var='pubsub#publish_model'><value>` + model + `</value></field></x></query></iq>`
	}
	info(` node='`+bobFeed+`'`, leaf("publishers"))
	info(` node='`+bobAnswers+`'`, leaf("open"))
	info(` node='urn:xmpp:microblog:0:comments/p9'`, refusal("item-not-found", ""))
	info(` node='urn:example:x'`, refusal("item-not-found", ""))
	list := func(query, want string) {
		t.Helper()
		alice.ask(`<iq type='get' id='q' to='`+bobContact+`'><query xmlns='`+nsDiscoItems+`'`+query, want)
	}
	list(`/></iq>`, `<iq type='result' id='q'><query xmlns='`+nsDiscoItems+`'><item node='urn:xmpp:vcard4'/><item jid='`+bobContact+`' node='`+bobFeed+`' name='Posts of bob@example.com'/></query></iq>`)
	list(` node='`+bobFeed+`'><set xmlns='`+nsRSM+`'><max>2</max></set></query></iq>`,
		`<iq type='result' id='q'><query xmlns='`+nsDiscoItems+`' node='`+bobFeed+`'><item jid='`+bobContact+`' name='p3'/><item name='p2'/>`+rsm("p3", "p2", 0, 3)+`</query></iq>`)
	list(` node='urn:example:x'/></iq>`, refusal("item-not-found", ""))
	list(` node='`+bobFeed+`'><set xmlns='`+nsRSM+`'><max>x</max></set></query></iq>`, refusal("bad-request", ""))
}

// Elsewhere nothing of it is there.
func TestContactsOfEmailHaveNoFeeds(t *testing.T) {
	t.Parallel()
	w := newPostalStore(t)
	alice := w.client("alice@localhost/phone")
	info := alice.ask(`<iq type='get' id='1' to='`+bobContact+`'><query xmlns='`+nsDiscoInfo+`'/></iq>`, `<iq type='result' id='1'/>`)
	for _, f := range info.Child(nsDiscoInfo, "query").Elements() {
		if strings.Contains(f.Get("var"), "pubsub#") || f.Get("var") == microblog.NSFeed {
			t.Errorf("announces %s", f.Get("var"))
		}
	}
	alice.ask(pubsubIQ("get", `<items node='`+bobFeed+`'/>`), refusal("item-not-found", ""))
	alice.ask(pubsubIQ("set", `<subscribe node='`+bobFeed+`' jid='alice@localhost'/>`), refusal("service-unavailable", ""))
	alice.ask(`<iq type='get' id='q' to='`+bobContact+`'><query xmlns='`+nsDiscoInfo+`' node='`+bobFeed+`'/></iq>`, refusal("item-not-found", ""))
}

// A page that does not fit into a stanza ends earlier, at the end that is away from where the client is.
func TestPagesFitIntoStanzas(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	var all []transports.Entry
	for i := range 20 {
		all = append(all, post("p"+strconv.Itoa(i), strings.Repeat("w", 20<<10)))
	}
	w.social.mu.Lock()
	w.social.nodes["bob@example.com "+bobFeed] = all
	w.social.mu.Unlock()
	alice := w.client("alice@localhost/phone")
	var forward, backward []string
	for after := ""; ; {
		got := alice.ask(pubsubIQ("get", `<items node='`+bobFeed+`'/><set xmlns='`+nsRSM+`'><max>50</max>`+after+`</set>`), `<iq type='result' id='q'/>`).Child(nsPubSub, "pubsub")
		for _, i := range got.Child(nsPubSub, "items").Elements() {
			forward = append(forward, i.Get("id"))
		}
		last := got.Child(nsRSM, "set").Child(nsRSM, "last")
		if last == nil || len(forward) > 20 {
			break
		}
		after = `<after>` + last.Text() + `</after>`
	}
	for before := ""; ; {
		got := alice.ask(pubsubIQ("get", `<items node='`+bobFeed+`'/><set xmlns='`+nsRSM+`'><max>50</max><before>`+before+`</before></set>`), `<iq type='result' id='q'/>`).Child(nsPubSub, "pubsub")
		var page []string
		for _, i := range got.Child(nsPubSub, "items").Elements() {
			page = append(page, i.Get("id"))
		}
		backward = append(page, backward...)
		if before = page[0]; before == "p0" || len(backward) > 20 {
			break
		}
	}
	want := make([]string, 20)
	for i := range want {
		want[i] = "p" + strconv.Itoa(i)
	}
	if diff := cmp.Diff(want, forward); diff != "" {
		t.Errorf("forward (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want, backward); diff != "" {
		t.Errorf("backward (-want +got)\n%s", diff)
	}
}

// Whoever takes somebody into his contact list follows him, once that is written down.
func TestSubscriptionsFollow(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	alice := w.client("alice@localhost/phone")
	const me = "alice@localhost bob@example.com urn:xmpp:microblog:0"
	subscribe := `<presence type='subscribe' to='` + bobContact + `'/>`
	alice.send(subscribe)
	w.done("subscribe " + me)
	alice.expect(`<presence type='subscribed' from='` + bobContact + `'/>`)
	alice.expect(`<presence from='` + bobContact + `'><status>social web</status><x xmlns='vcard-temp:x:update'><photo>*</photo></x></presence>`)
	alice.send(subscribe) // he may have unfollowed otherwise meanwhile
	w.done("subscribe " + me)
	alice.expect(`<presence type='subscribed' from='` + bobContact + `'/>`)
	alice.expect(`<presence from='` + bobContact + `'/>`)
	alice.send(`<presence type='unsubscribe' to='` + bobContact + `'/>`)
	alice.expect(`<presence type='unsubscribed' from='` + bobContact + `'/>`)
	alice.expect(`<presence type='unavailable' from='` + bobContact + `'/>`)
	w.done("unsubscribe " + me)

	w.social.mu.Lock()
	w.social.refuse = transports.NewError(transports.NotFound, "There is nobody called so at example.com.", nil)
	w.social.mu.Unlock()
	alice.send(subscribe)
	w.done("subscribe " + me)
	alice.expect(`<presence type='unsubscribed' from='` + bobContact + `'/>`)
	alice.expect(`<message type='chat' from='` + bobContact + `'><body>There is nobody called so at example.com.</body></message>`)
	alice.send(`<presence type='probe' to='` + bobContact + `'/>`)
	alice.expect(`<presence from='` + bobContact + `'/>`)
	alice.alive()
}

// Somebody who goes back on it before it is done has it undone.
func TestSubscriptionIsTakenBackMeanwhile(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	turn := make(chan struct{})
	w.social.before = func(ctx context.Context) error {
		select {
		case <-turn:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	alice := w.client("alice@localhost/phone")
	alice.send(`<presence type='subscribe' to='` + bobContact + `'/>`)
	alice.send(`<presence type='unsubscribe' to='` + bobContact + `'/>`)
	alice.expect(`<presence type='unsubscribed' from='` + bobContact + `'/>`)
	alice.expect(`<presence type='unavailable' from='` + bobContact + `'/>`)
	close(turn)
	w.done("subscribe alice@localhost bob@example.com urn:xmpp:microblog:0")
	w.done("unsubscribe alice@localhost bob@example.com urn:xmpp:microblog:0")
	alice.alive()
}

// What happens to contacts is told to the bare JID.
func TestEventsOfContacts(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	alice := w.client("alice@localhost/phone")
	event := func(items string) string {
		return `<message type='headline' from='` + bobContact + `' to='alice@localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + items + `</event></message>`
	}
	carol := mailbox("carol@example.com")
	const carolJID = `carol\40example.com@irc.localhost`
	regard := transports.Regard{Noticed: true, Time: published}
	for name, c := range map[string]struct {
		event transports.Event
		want  []string
	}{
		"published": {
			transports.EntryPublished{Of: bobsTarget, Node: bobFeed, Entry: post("p4", "four")},
			[]string{event(`<items node='` + bobFeed + `'>` + item("p4", bobContact, "four") + `</items>`)},
		},
		"an answer": {
			transports.EntryPublished{Of: bobsTarget, Node: bobAnswers, Entry: transports.Entry{Item: "c2", Body: "no", Author: transports.Author{Who: carol}}},
			[]string{event(`<items node='` + bobAnswers + `'>` + item("c2", carolJID, "no") + `</items>`)},
		},
		"published, and too large": {
			transports.EntryPublished{Of: bobsTarget, Node: bobFeed, Entry: post("p5", strings.Repeat("'", 60<<10))},
			[]string{event(`<items node='` + bobFeed + `'><item id='p5' publisher='` + bobContact + `'/></items>`)},
		},
		"withdrawn": {
			transports.EntryWithdrawn{Of: bobsTarget, Node: bobFeed, Item: "p1"},
			[]string{event(`<items node='` + bobFeed + `'><retract id='p1'/></items>`)},
		},
		"withdrawn, with its letter": {
			transports.EntryWithdrawn{Of: bobsTarget, Node: bobFeed, Item: "p1", Letter: "l1"},
			[]string{
				event(`<items node='` + bobFeed + `'><retract id='p1'/></items>`),
				`<message type='chat' from='` + bobContact + `' to='alice@localhost'><retract xmlns='urn:xmpp:message-retract:1' id='l1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>*</body><store xmlns='urn:xmpp:hints'/></message>`,
			},
		},
		"liked": {
			transports.EntryRegarded{Of: bobsTarget, Item: "p1", By: carol, Regard: regard},
			[]string{event(`<items node='` + bobLikes + `'><item id='` + carolJID + `'><attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/></attachments></item></items>`)},
		},
		"liked no more": {
			transports.EntryRegarded{Of: bobsTarget, Item: "p1", By: carol},
			[]string{event(`<items node='` + bobLikes + `'><retract id='` + carolJID + `'/></items>`)},
		},
		"the user's own is liked": {
			transports.EntryRegarded{Item: "mine", By: bobsTarget, Regard: regard, Letter: "m1"},
			[]string{`<message type='chat' from='` + bobContact + `' to='alice@localhost'><reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>❤️</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>`},
		},
		"the user's own is liked no more": {
			transports.EntryRegarded{Item: "mine", By: bobsTarget, Letter: "m1"},
			[]string{`<message type='chat' from='` + bobContact + `' to='alice@localhost'><reactions xmlns='urn:xmpp:reactions:0' id='m1'/></message>`},
		},
		"followed":         {transports.FollowedBy{With: bobsTarget, On: true}, []string{`<presence type='subscribe' from='` + bobContact + `' to='alice@localhost'><nick xmlns='http://jabber.org/protocol/nick'>bob@example.com</nick></presence>`}},
		"followed no more": {transports.FollowedBy{With: bobsTarget}, []string{`<presence type='unsubscribe' from='` + bobContact + `' to='alice@localhost'/>`}},
	} {
		w.deliver(c.event)
		for _, want := range c.want {
			if _, err := alice.match(want); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		alice.alive()
	}
	// Whoever is blocked is not heard of.
	alice.ask(`<iq type='set' id='b' to='irc.localhost'><block xmlns='urn:xmpp:blocking'><item jid='`+bobContact+`'/></block></iq>`, `<iq type='result' id='b'/>`)
	w.deliver(transports.EntryPublished{Of: bobsTarget, Node: bobFeed, Entry: post("p6", "six")}, transports.FollowedBy{With: bobsTarget, On: true},
		transports.FollowedBy{With: carol, On: true})
	alice.expect(`<presence type='subscribe' from='` + carolJID + `'/>`)
}

// face is a picture in a colour.
func face(t *testing.T, c color.Color) []byte {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, 32, 32), color.Palette{c})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Somebody's picture is his own where he has one, in each way that clients look for it, and another one is shown as soon as he has it.
func TestPicturesOfContacts(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	red, blue := face(t, color.RGBA{0xff, 0, 0, 0xff}), face(t, color.RGBA{0, 0, 0xff, 0xff})
	readRed, _ := avatar.Read(red)
	readBlue, _ := avatar.Read(blue)
	first, second := avatar.New(readRed), avatar.New(readBlue)
	w.social.picture["bob@example.com"] = red
	alice := w.client("alice@localhost/phone")
	item := func(a *avatar.Avatar, node string) string {
		var b stanza.Builder
		a.AppendItem(&b, node, "")
		return string(b.Bytes())
	}
	var photo stanza.Builder
	first.AppendPhoto(&photo)
	shown := func(a *avatar.Avatar) string {
		return `<presence from='` + bobContact + `'><x xmlns='vcard-temp:x:update'><photo>` + a.Hash() + `</photo></x></presence>`
	}
	alice.send(`<presence type='subscribe' to='` + bobContact + `'/>`)
	alice.expect(`<presence type='subscribed'/>`)
	alice.expect(shown(first))
	alice.ask(`<iq type='get' id='1' to='`+bobContact+`'><vCard xmlns='vcard-temp'/></iq>`,
		`<iq type='result' id='1'><vCard xmlns='vcard-temp'><FN>Bob Bobson</FN><JABBERID>`+bobContact+`</JABBERID><DESC>I am Bob.</DESC><URL>https://example.com/u/bob</URL>`+string(photo.Bytes())+`</vCard></iq>`)
	alice.ask(pubsubIQ("get", `<items node='urn:xmpp:avatar:metadata'/>`), pubsubResult(`<items node='urn:xmpp:avatar:metadata'>`+item(first, avatar.NSMetadata)+`</items>`))
	alice.ask(pubsubIQ("get", `<items node='urn:xmpp:avatar:data'><item id='`+first.Hash()+`'/></items>`), pubsubResult(`<items node='urn:xmpp:avatar:data'>`+item(first, avatar.NSData)+`</items>`))
	w.social.mu.Lock()
	w.social.picture["bob@example.com"] = blue
	w.social.mu.Unlock()
	w.deliver(transports.ProfileChanged{With: bobsTarget}, transports.ProfileChanged{With: mailbox("carol@example.com")})
	alice.expect(shown(second))
	alice.expect(`<message type='headline' from='` + bobContact + `'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:metadata'>` + item(second, avatar.NSMetadata) + `</items></event></message>`)
	alice.alive() // carol is in nobody's contact list
	// What is no picture that clients show counts for nothing.
	w.social.mu.Lock()
	w.social.picture["bob@example.com"] = []byte("GIF89a")
	w.social.mu.Unlock()
	w.deliver(transports.ProfileChanged{With: bobsTarget})
	alice.expect(shown(new(avatar.Faces).Of(bobsTarget)))
}

// Letters to such contacts name what they are about by the ids of items.
func TestLettersToContactsWhoPublish(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	alice := w.client("alice@localhost/phone")
	to := func(payload string) {
		alice.send(`<message type='chat' id='m1' to='` + bobContact + `'>` + payload + `</message>`)
	}
	to(`<body>&gt; one&#10;yes</body><reply xmlns='urn:xmpp:reply:0' to='` + bobContact + `' id='p1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='6'/></fallback>`)
	s := w.session()
	if l := next[transports.Post](t, s).Letter; l.ReplyTo != "p1" || l.Body != "yes" || l.With != bobsTarget {
		t.Errorf("got %+v", l)
	}
	to(`<reactions xmlns='urn:xmpp:reactions:0' id='p1-file-1'><reaction>❤️</reaction></reactions>`)
	if r := next[transports.React](t, s); r.On != "p1" || len(r.Add) != 1 {
		t.Errorf("got %+v", r)
	}
	to(`<retract xmlns='urn:xmpp:message-retract:1' id='m0'/>`)
	if r := next[transports.Redact](t, s); r.To != bobsTarget || r.Messages[0] != "m0" {
		t.Errorf("got %+v", r)
	}
}

// A client that starts asks for the feeds of all contacts at once, and a flood of requests is refused and harms nobody.
func TestManyRequestsForFeeds(t *testing.T) {
	t.Parallel()
	w := newSocialWorld(t, nil)
	alice := w.client("alice@localhost/phone")
	const n = 200
	for i := range n {
		alice.send(`<iq type='get' id='c` + strconv.Itoa(i) + `' to='p` + strconv.Itoa(i) + `\40example.com@irc.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:microblog:0'/></pubsub></iq>`)
	}
	got := map[string]bool{}
	for range n {
		got[alice.receive().Get("id")] = true
	}
	if len(got) != n {
		t.Errorf("%d of %d requests were answered", len(got), n)
	}
	turn := make(chan struct{})
	w.social.before = func(ctx context.Context) error {
		select {
		case <-turn:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	refused := 0
	for i := range maxPubSub + 20 {
		alice.send(pubsubIQ("set", `<subscribe node='urn:xmpp:microblog:0' jid='alice@localhost'/>`))
		if i%100 == 99 && i < maxPubSub {
			alice.alive() // stanzas of one user wait for their turn in a queue that has its bound too
		}
		if i >= maxPubSub+1 { // one is being done
			alice.expect(refusal("resource-constraint", ""))
			refused++
		}
	}
	close(turn)
	for range maxPubSub + 1 {
		alice.expect(`<iq type='result' id='q'/>`)
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// FuzzPubSub asks what nobody should ask: each request is answered once.
func FuzzPubSub(f *testing.F) {
	for _, seed := range []string{
		`<items node='urn:xmpp:microblog:0' max_items='2'><item id='p1'/></items><set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set>`,
		`<items node='` + strings.ReplaceAll(bobLikes, "&", "&amp;") + `'/>`,
		`<subscribe node='urn:xmpp:microblog:0' jid='alice@localhost'/>`,
		`<publish node='urn:xmpp:microblog:0:comments/p1'><item><entry xmlns='http://www.w3.org/2005/Atom'><title>x</title></entry></item></publish>`,
		`<retract node='urn:xmpp:microblog:0:comments/p1'><item id='a'/></retract>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, asked string) {
		u := &user{g: &Gateway{}, jid: transports.Address{Local: "alice", Domain: "localhost"}}
		u.g.domain = transports.Address{Domain: testDomain}
		u.g.opt.Transport = &scriptedSocial{scriptedPostal: &scriptedPostal{}}
		st, err := stanza.Parse([]byte(pubsubIQ("set", asked)), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			return
		}
		defer st.Release()
		x := st.Root.Child(nsPubSub, "pubsub")
		for _, read := range []func() (func(context.Context) (payload, error), error){
			func() (func(context.Context) (payload, error), error) { return u.readPubSub(bobsTarget, x) },
			func() (func(context.Context) (payload, error), error) {
				return u.writePubSub(&inbound{st: st}, bobsTarget, x)
			},
		} {
			if do, err := read(); (do == nil) == (err == nil) {
				t.Errorf("%s: nothing is done, and nothing refused, or both: %v", asked, err)
			}
		}
	})
}
