// Package pages is in charge of the pages of the social web for people: profiles, posts, following somebody from elsewhere, and pictures. They
// need no scripts, and bring nothing of other sites.
//
// It is not in charge of what is on them, which its Source knows, nor of the listener, nor of what programs read (feeds, WebFinger). Documents: h-card,
// h-entry and h-feed of microformats2, RFC 5122 (links to XMPP), RFC 9111 (caching).
package pages
