// Package clean is in charge of making what people wrote fit to be shown elsewhere: markup of strangers becomes a small, safe and well-formed part
// of XHTML with the same as text beside it, and what users write becomes markup of which their words are all that is theirs.
//
// It knows nothing of who wrote it. What it returns holds no script, no style, no picture and no link that is not of the web or of XMPP, and no
// character that XML forbids.
package clean
