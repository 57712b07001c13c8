// Package avatar is in charge of pictures: in which forms XMPP shows one, fetching those that strangers name, and which one a contact has. It is not in
// charge of who has which, nor of who is told.
//
// Documents: XEP-0054 1.2, XEP-0084 1.1.4, XEP-0153 1.1, RFC 6351.
package avatar
