// Package ostatus is in charge of the social web as OStatus speaks it: finding people on other servers, being found there, feeds and who is told of
// what comes into them, and what one actor tells another. It is a Wire of package socialbridge.
//
// It is not in charge of what any of it means, of who may, of pages for people, nor of the formats: packages webfinger, atom and salmon read and
// write them. It never believes what it reads: an actor's key comes from his own host, and what somebody says in another's feed from where it was
// published.
//
// Documents: OStatus 1.0 Draft 2, RFC 7033 (WebFinger), RFC 6415 (host-meta), WebSub (W3C) and PubSubHubbub 0.3 and 0.4, Salmon Protocol
// (draft-panzer-salmon-00). Where peers do it otherwise than these say, comments say which.
package ostatus
