package xep

// Extension is an XMPP extension protocol that the gateway handles.
type Extension struct {
	Number  int
	Version string // of the document that the code follows
	Status  Status
	// Note says what of it is there, where the status does not say all.
	Note string
	// Features are those of service discovery that it accounts for.
	Features []string
	// Scenarios are files of e2e/scenarios that show it at work; their comments name it. Tests are those of packages e2e and component that do
	// so, where scenarios do not.
	Scenarios, Tests []string
}

// Status is how much of an extension is there (XEP-0453 §4.2).
type Status string

// Those that are in use.
const (
	Complete Status = "complete"
	Partial  Status = "partial"
	Wontfix  Status = "wontfix" // refused in words
)

// List is every extension, by number. A new one is a line here, a scenario, and what it takes in package component.
func List() []Extension {
	return []Extension{
		{
			Number: 4, Version: "2.13.1", Status: Complete,
			Scenarios: []string{"administrators", "command-steps", "configure-form", "configure-levels", "room-config", "status"},
		},
		{
			Number: 12, Version: "2.0", Status: Partial,
			Note:  "The gateway to email asks the server since when it is running, so that nothing that it has taken is sent to users again; it answers nobody itself.",
			Tests: []string{"TestMailKilledAtAnyTime"},
		},
		{
			Number: 13, Version: "1.3", Status: Partial,
			Note:  "Where the archive of a user whom the gateway logs in as is not there, it looks at what waits for him, and takes nothing of it away.",
			Tests: []string{"TestRedirectByLogin"},
		},
		{
			Number: 30, Version: "2.5rc3", Status: Complete,
			Features:  []string{"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"},
			Scenarios: []string{"disco-info", "disco-items"},
		},
		{
			Number: 33, Version: "1.2.1", Status: Partial, Note: "The gateway to email sends to all whom a message names and says who else got a mail. Addresses of other kinds than JIDs and email are refused.",
			Features: []string{"http://jabber.org/protocol/address"},
			Tests:    []string{"TestMailLetters"},
		},
		{
			Number: 45, Version: "1.34.5", Status: Partial,
			Note: "A room is a channel of the network, which alone says who may do what: it cannot be reserved, destroyed or configured before it is entered.",
			Features: []string{
				"http://jabber.org/protocol/muc", "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner",
				"http://jabber.org/protocol/muc#stable_id",
				"muc_hidden", "muc_membersonly", "muc_moderated", "muc_nonanonymous", "muc_open", "muc_passwordprotected", "muc_public",
				"muc_temporary", "muc_unmoderated", "muc_unsecured",
			},
			Scenarios: []string{
				"join-order", "join-roles", "nick", "nick-taken", "kick", "ban", "ranks", "room-config", "room-info", "invite", "part",
				"disco-pages", "history", "refused-ban", "refused-full", "refused-invite", "refused-key", "private-message", "topic", "two-clients", "visitors",
			},
		},
		{
			Number: 50, Version: "1.3.0", Status: Complete,
			Features:  []string{"http://jabber.org/protocol/commands"},
			Scenarios: []string{"administrators", "biboumi-commands", "command-steps", "configure-form", "configure-levels", "fixed-network", "reload", "status"},
		},
		{
			Number: 54, Version: "1.2", Status: Partial, Note: "Cards of people, rooms and the gateway are answered and cannot be changed.",
			Features:  []string{"vcard-temp"},
			Scenarios: []string{"vcard"},
		},
		{
			Number: 55, Version: "1.3", Status: Complete,
			Note:      "One writes a room or a person as the network does and gets the JID; of email also those whom one knows, by a part of the name.",
			Features:  []string{"jabber:iq:search"},
			Scenarios: []string{"search", "channels"},
		},
		{
			Number: 59, Version: "1.0", Status: Complete,
			Features:  []string{"http://jabber.org/protocol/rsm"},
			Scenarios: []string{"disco-pages"},
		},
		{
			Number: 60, Version: "1.26.0", Status: Partial,
			Note: "Items of people's nodes are answered. People of the social web have a feed, and answers and attachments to each post, to read, to subscribe to and to write into.",
			Features: []string{
				"http://jabber.org/protocol/pubsub", "http://jabber.org/protocol/pubsub#access-open", "http://jabber.org/protocol/pubsub#item-ids",
				"http://jabber.org/protocol/pubsub#meta-data", "http://jabber.org/protocol/pubsub#persistent-items", "http://jabber.org/protocol/pubsub#presence-subscribe",
				"http://jabber.org/protocol/pubsub#publish", "http://jabber.org/protocol/pubsub#retract-items", "http://jabber.org/protocol/pubsub#retrieve-items",
				"http://jabber.org/protocol/pubsub#retrieve-subscriptions", "http://jabber.org/protocol/pubsub#rsm", "http://jabber.org/protocol/pubsub#subscribe",
			},
			Scenarios: []string{"vcard"}, Tests: []string{"TestNodesAreRead", "TestNodesAreWritten", "TestNodesAreDiscovered", "TestEventsOfContacts", "TestSocialNodes"},
		},
		{
			Number: 66, Version: "1.5", Status: Partial, Note: "Email carries files; on other networks the address of a file is part of the text.",
			Features:  []string{"jabber:x:oob"},
			Scenarios: []string{"rich-messages", "file-sharing"},
		},
		{
			Number: 71, Version: "1.5.4", Status: Complete, Note: "What has another text than the body counts for nothing.",
			Features:  []string{"http://jabber.org/protocol/xhtml-im"},
			Scenarios: []string{"formatting"},
		},
		{
			Number: 77, Version: "2.4", Status: Complete,
			Features:  []string{"jabber:iq:register"},
			Scenarios: []string{"register"},
		},
		{
			Number: 84, Version: "1.1.4", Status: Partial, Note: "The gateway and networks have pictures, people of email a pattern; pictures are answered, and pushed of people of the social web. Those of users on the social web are taken.",
			Features:  []string{"urn:xmpp:avatar:metadata+notify"},
			Scenarios: []string{"avatars"},
		},
		{
			Number: 85, Version: "2.1", Status: Partial,
			Note:      "On networks that carry it, who writes and who stopped, but not who looks; on others only the user's own clients see it, in rooms.",
			Scenarios: []string{"states", "typing"},
		},
		{
			Number: 92, Version: "1.1", Status: Complete,
			Features:  []string{"jabber:iq:version"},
			Scenarios: []string{"domain-services", "client-info"},
		},
		{
			Number: 100, Version: "1.0", Status: Partial,
			Features:  []string{"jabber:iq:gateway"},
			Scenarios: []string{"prompt", "register", "contact-presence", "contact-presence-crash"},
		},
		{
			Number: 106, Version: "1.1.1", Status: Complete,
			Features:  []string{`jid\20escaping`},
			Scenarios: []string{"awkward-channel"},
		},
		{
			Number: 114, Version: "1.6", Status: Complete,
			Scenarios: []string{"xmppserver-crash"},
		},
		{
			Number: 115, Version: "1.6.0", Status: Complete,
			Scenarios: []string{"caps"},
		},
		{
			Number: 128, Version: "1.0.1", Status: Complete,
			Scenarios: []string{"room-info"},
		},
		{
			Number: 131, Version: "1.2", Status: Partial, Note: "What stands above a mail, to users; what they set is not sent.",
			Tests: []string{"TestMailLetters"},
		},
		{
			Number: 144, Version: "1.0", Status: Partial, Note: "Sent after registration and, of those to whom one writes email, when one wants that, to a client that takes it.",
			Scenarios: []string{"roster-exchange"},
		},
		{
			Number: 153, Version: "1.1", Status: Partial, Note: "The gateway, networks and people in contact lists; people in rooms have no pictures and say nothing of it.",
			Scenarios: []string{"avatars"},
		},
		{
			Number: 157, Version: "1.1.1", Status: Complete,
			Scenarios: []string{"contact-addresses"},
		},
		{
			Number: 163, Version: "1.2.2", Status: Partial, Note: "Items of people's nodes are answered and not pushed. What users on the social web publish is taken.",
			Features:  []string{"urn:xmpp:microblog:0+notify"},
			Scenarios: []string{"avatars"},
		},
		{
			Number: 172, Version: "1.1", Status: Complete,
			Features:  []string{"http://jabber.org/protocol/nick+notify"},
			Scenarios: []string{"private-message"},
		},
		{
			Number: 184, Version: "1.4.0", Status: Partial, Note: "Of people on the network, once it has taken the message: it does not say what became of it there.",
			Features:  []string{"urn:xmpp:receipts"},
			Scenarios: []string{"receipts"},
		},
		{
			Number: 191, Version: "1.1", Status: Partial, Note: "Of addresses of the gateway.",
			Features:  []string{"urn:xmpp:blocking"},
			Scenarios: []string{"blocking"},
		},
		{
			Number: 199, Version: "2.0.1", Status: Complete,
			Features:  []string{"urn:xmpp:ping"},
			Scenarios: []string{"domain-services", "client-info"},
		},
		{
			Number: 202, Version: "2.0", Status: Complete,
			Features:  []string{"urn:xmpp:time"},
			Scenarios: []string{"domain-services"},
		},
		{
			Number: 203, Version: "2.0", Status: Complete,
			Scenarios: []string{"history"},
		},
		{
			Number: 245, Version: "1.0", Status: Complete,
			Scenarios: []string{"action"},
		},
		{
			Number: 249, Version: "1.2", Status: Complete,
			Features:  []string{"jabber:x:conference"},
			Scenarios: []string{"invite", "join-chat"},
		},
		{
			Number: 277, Version: "0.6.3", Status: Partial, Note: "What people of the social web publish, what is answered to it, and what the user answers. Places (§6) and metadata (§5) are not there.",
			Tests: []string{"TestNodesAreRead", "TestNodesAreWritten", "TestSocialNodes"},
		},
		{
			Number: 292, Version: "0.12.0", Status: Partial, Note: "Cards are answered, to a request and as an item, and cannot be changed.",
			Features:  []string{"urn:ietf:params:xml:ns:vcard-4.0", "urn:xmpp:vcard4+notify"},
			Scenarios: []string{"vcard"},
		},
		{
			Number: 297, Version: "1.0", Status: Complete,
			Scenarios: []string{"archive-room"},
		},
		{
			Number: 308, Version: "1.2.1", Status: Partial, Note: "Said in words on the network.",
			Features:  []string{"urn:xmpp:message-correct:0"},
			Scenarios: []string{"rich-messages", "message-changes"},
		},
		{
			Number: 313, Version: "1.1.0", Status: Complete, Note: "On rooms, contacts and the domain. Each user reads what his own sessions heard.",
			Features:  []string{"urn:xmpp:mam:2", "urn:xmpp:mam:2#extended"},
			Scenarios: []string{"archive-room", "archive-pages", "archive-contact"},
		},
		{
			Number: 317, Version: "0.2", Status: Partial, Note: "The ranks of the network, which change there, and who is a program.",
			Features:  []string{"urn:xmpp:hats:0"},
			Scenarios: []string{"bots", "hats"},
		},
		{
			Number: 330, Version: "0.4.0", Status: Partial, Note: "Whom people of the social web follow is answered, as far as it is known.",
			Tests: []string{"TestNodesAreRead"},
		},
		{
			Number: 333, Version: "0.4.1", Status: Partial, Features: []string{"urn:xmpp:chat-markers:0"}, Note: "The network has none: the user's own clients see what he read elsewhere, in private conversations where his server grants messages in his name (XEP-0356).",
			Scenarios: []string{"states"},
		},
		{
			Number: 334, Version: "0.4.0", Status: Complete,
			Features:  []string{"urn:xmpp:hints"},
			Scenarios: []string{"message-changes", "archive-contact"},
		},
		{
			Number: 356, Version: "0.4.1", Status: Partial, Note: "Contact lists are seen and changed, and messages sent in the name of users, where the server grants it, in the namespaces of versions 1 and 2; bookmarks and what was displayed in the latter.",
			Scenarios: []string{"register"},
		},
		{
			Number: 357, Version: "0.4.1", Status: Partial,
			Note:  "The gateway takes pushes of users whose messages go to their mailboxes, under a node that nobody else knows.",
			Tests: []string{"TestRedirectByLogin"},
		},
		{
			Number: 359, Version: "0.7.0", Status: Complete,
			Features:  []string{"urn:xmpp:sid:0"},
			Scenarios: []string{"room-message"},
		},
		{
			Number: 363, Version: "1.1.0", Status: Complete, Note: "Long messages are uploaded to the sender's server.",
			Scenarios: []string{"long-message", "long-message-gateway"},
		},
		{
			Number: 380, Version: "0.4.0", Status: Complete, Note: "What is encrypted is refused, since no network could read it.",
			Scenarios: []string{"encrypted"},
		},
		{
			Number: 393, Version: "1.1.1", Status: Complete, Note: "Signs are what networks get where a user wants that.",
			Features:  []string{"urn:xmpp:styling:0"},
			Scenarios: []string{"formatting"},
		},
		{
			Number: 402, Version: "1.2.0", Status: Partial, Note: "Rooms that users ask the bot for are put into their bookmarks, and taken out, where the server grants it (XEP-0356).",
			Scenarios: []string{"join-chat"},
		},
		{
			Number: 410, Version: "1.1.0", Status: Complete,
			Features:  []string{"http://jabber.org/protocol/muc#self-ping-optimization"},
			Scenarios: []string{"self-ping"},
		},
		{
			Number: 421, Version: "1.0.0", Status: Complete,
			Features:  []string{"urn:xmpp:occupant-id:0"},
			Scenarios: []string{"occupant-id", "occupant-id-account"},
		},
		{
			Number: 424, Version: "0.4.2", Status: Partial, Note: "On networks that take nothing back it is said in words.",
			Features:  []string{"urn:xmpp:message-retract:1", "urn:xmpp:message-retract:1#tombstone"},
			Scenarios: []string{"message-changes", "redact"},
		},
		{
			Number: 425, Version: "0.3.0", Status: Partial, Note: "Where the network does it; refused in words where it takes nothing back.",
			Scenarios: []string{"message-changes", "redact"},
		},
		{
			Number: 428, Version: "0.2.0", Status: Complete,
			Features:  []string{"urn:xmpp:fallback:0"},
			Scenarios: []string{"rich-messages"},
		},
		{
			Number: 441, Version: "0.2.0", Status: Partial, Note: "Always or never, with exceptions; contact lists are not looked at.",
			Scenarios: []string{"archive-prefs"},
		},
		{
			Number: 444, Version: "0.2.0", Status: Partial, Note: "On networks that carry none they are said in words.",
			Features:  []string{"urn:xmpp:reactions:0"},
			Scenarios: []string{"rich-messages", "message-changes", "reactions"},
		},
		{
			Number: 446, Version: "0.1.0", Status: Partial, Note: "Name and size are said.",
			Scenarios: []string{"file-sharing"},
		},
		{
			Number: 447, Version: "0.2.0", Status: Partial, Note: "Email carries files; a network that carries text alone gets the name, size and address of one.",
			Features:  []string{"urn:xmpp:sfs:0"},
			Scenarios: []string{"file-sharing"},
		},
		{
			Number: 461, Version: "0.2.0", Status: Partial, Note: "On the network the nick of who is answered stands in front as well, or where it carries no replies, alone.",
			Features:  []string{"urn:xmpp:reply:0"},
			Scenarios: []string{"rich-messages", "replies"},
		},
		{
			Number: 465, Version: "0.1.1", Status: Partial, Note: "Whom people of the social web follow and who follows them is answered, as far as it is known. Which of his own subscriptions are public the user says on the social web.",
			Features: []string{"urn:xmpp:pps:0"},
			Tests:    []string{"TestNodesAreRead"},
		},
		{
			Number: 470, Version: "0.2.0", Status: Complete,
			Features: []string{"urn:xmpp:pubsub-attachments:1"},
			Tests:    []string{"TestNodesAreRead", "TestNodesAreWritten", "TestEventsOfContacts", "TestSocialNodes"},
		},
		{
			Number: 472, Version: "0.2.1", Status: Partial, Note: "Feeds of people of the social web are of the profile of microblogs; there are no galleries.",
			Features: []string{"urn:xmpp:pubsub-social-feed:1"},
			Tests:    []string{"TestNodesAreRead", "TestNodesAreDiscovered", "TestSocialNodes"},
		},
		{
			Number: 486, Version: "0.1.0", Status: Partial, Note: "A room shows its network's picture, which its operators cannot change.",
			Scenarios: []string{"avatars"},
		},
		{
			Number: 490, Version: "0.1.0", Status: Partial, Note: "Of rooms, where the server lets the gateway read and write it (XEP-0356), on networks that share what is read.",
			Scenarios: []string{"read-marker"},
		},
	}
}
