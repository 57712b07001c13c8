package activity

import "crypto/rsa"

// Actor is somebody of the social web: a person or a group. URI names him for ever.
type Actor struct {
	URI   string
	Acct  string // such as "alice@social.example", in lower case, the host in ASCII; empty where nobody has confirmed it
	Group bool
	Nick  string // alice
	Name  string // "Alice Liddell"
	Note  string // what he says of himself
	Home  string // URL of a homepage of his
	Place string // where he is
	Page  string // URL of his profile for people
	// Pictures are his avatar in different sizes, the largest first.
	Pictures []Picture
	Routes   Routes
	Key      *rsa.PublicKey // what he signs with; nil if unknown
}

// Picture is an image that is somewhere.
type Picture struct {
	URL           string
	Type          string // media type
	Width, Height int    // 0 if unknown
}

// Routes are where an actor is reached, as far as that is known. A wire uses those that are its.
type Routes struct {
	Feed      string // what he publishes (Atom)
	Hub       string // where one asks to be told of it (WebSub)
	Slap      string // where he is told of something (Salmon)
	Subscribe string // template of the page on which somebody of another server follows him, with {uri}
}
