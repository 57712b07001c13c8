package transports

// Sighting is a user as a network sees him.
type Sighting struct {
	User       Address // bare
	Network    string
	Nick       string
	Name, Host string // on IRC user name and host; empty where the network has not said them
}
