// Package onetime is in charge of the pages behind one-time links: the form of a command on the web, for people whose XMPP client has
// no forms, and the file with everything that is kept about a user. A link shows its page as often as it is opened, since programs open
// links to preview them, and works once. The page that ends a redirect is here too: the link to it is in all of its mails.
//
// It is not in charge of making links, of what the commands do, nor of the listener.
package onetime
