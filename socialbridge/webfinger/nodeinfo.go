package webfinger

// RelNodeInfo is where a server says what it is (NodeInfo 2.1, and 2.0 for who knows no newer one).
const (
	RelNodeInfo20 = "http://nodeinfo.diaspora.software/ns/schema/2.0"
	RelNodeInfo21 = "http://nodeinfo.diaspora.software/ns/schema/2.1"
)

// NodeInfo is what a server says of itself.
type NodeInfo struct {
	Version  string // of the program
	Protocol string
	Users    int64 // accounts that may be counted
	Posts    int64
}

// NodeInfo types.
const (
	TypeNodeInfo20 = `application/json; profile="` + RelNodeInfo20 + `#"`
	TypeNodeInfo21 = `application/json; profile="` + RelNodeInfo21 + `#"`
)

// JSON is the document of a version of the schema, 2.0 or 2.1.
func (n NodeInfo) JSON(schema string) []byte {
	type software struct {
		Name       string `json:"name"`
		Version    string `json:"version"`
		Repository string `json:"repository,omitempty"`
	}
	type services struct {
		Inbound  []string `json:"inbound"`
		Outbound []string `json:"outbound"`
	}
	type users struct {
		Total int64 `json:"total"`
	}
	type usage struct {
		Users      users `json:"users"`
		LocalPosts int64 `json:"localPosts"`
	}
	return writeJSON(struct {
		Version           string   `json:"version"`
		Software          software `json:"software"`
		Protocols         []string `json:"protocols"`
		Services          services `json:"services"`
		OpenRegistrations bool     `json:"openRegistrations"`
		Usage             usage    `json:"usage"`
		Metadata          struct{} `json:"metadata"`
	}{
		Version: schema, Software: software{Name: "passerelle", Version: n.Version}, Protocols: []string{n.Protocol},
		Services: services{Inbound: []string{}, Outbound: []string{"xmpp"}}, Usage: usage{Users: users{n.Users}, LocalPosts: n.Posts},
	})
}
