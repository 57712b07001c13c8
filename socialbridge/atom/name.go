package atom

// Namespaces. What is read is told by them alone, whatever prefixes somebody has.
const (
	nsAtom      = "http://www.w3.org/2005/Atom"
	nsThread    = "http://purl.org/syndication/thread/1.0"
	nsActivity  = "http://activitystrea.ms/spec/1.0/"
	nsMedia     = "http://purl.org/syndication/atommedia"
	nsPoco      = "http://portablecontacts.net/spec/1.0"
	nsOStatus   = "http://ostatus.org/schema/1.0"
	nsTombstone = "http://purl.org/atompub/tombstones/1.0"
	nsMastodon  = "http://mastodon.social/schema/1.0"
	nsXHTML     = "http://www.w3.org/1999/xhtml"
)

// What begins the names of verbs and of types of objects.
const (
	schema  = "http://activitystrea.ms/schema/1.0/"
	ostatus = "http://ostatus.org/schema/1.0/"
)

// everybody is the collection of everybody: what is not for it is not public.
const everybody = "http://activityschema.org/collection/public"

// MediaType is that of a feed, and EntryType that of a single entry (RFC 5023 §12.1).
const (
	MediaType = "application/atom+xml; charset=utf-8"
	EntryType = "application/atom+xml;type=entry; charset=utf-8"
)
