// Package redirect is in charge of what of a user's messages is mailed to him, when, and how that reads: his rules, the clock that runs while a
// message is unread, and the text of a mail. It reads and writes nothing, and it knows neither stanzas nor the database.
package redirect
