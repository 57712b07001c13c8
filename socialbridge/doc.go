// Package socialbridge is in charge of the social web as users of XMPP are on it: who they are there, what they and others publish, who follows
// whom, what is thought of what, and who is told of it.
//
// It is not in charge of XMPP, which it knows by package transports alone, nor of how the social web is spoken: a Wire brings activities
// (package activity) to other servers and from them, and proves who says them. It knows nothing of the formats of any.
package socialbridge
