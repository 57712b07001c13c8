package ircbridge

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// What people and channels say of themselves (IRCv3 metadata-2): a picture, a name, pronouns. The network tells of those whom the user shares a
// channel with, once it is told which keys one understands. Contacts are asked for when they come.

// metadataKeys are the keys that are understood, those that matter most first: a network may take some only.
var metadataKeys = []struct {
	key  string
	what transports.Detail
}{
	{"avatar", transports.DetailPicture},
	{"display-name", transports.DetailName},
	{"pronouns", transports.DetailPronouns},
	{"homepage", transports.DetailHomepage},
	{"status", transports.DetailStatus},
}

// Bounds of metadata.
const (
	maxDetail    = 400              // bytes of a value; a longer one counts as none
	minSyncDelay = 5 * time.Second  // until the network is asked again for what it could not tell yet
	maxSyncDelay = 10 * time.Minute // at most
	maxSyncs     = 3                // times for one channel
	networkIcon  = "192"            // pixels of a picture of the network, where it lets one choose
)

func metadataList() string {
	var b strings.Builder
	for _, k := range metadataKeys {
		b.WriteString(" " + k.key)
	}
	return b.String()
}

func subscription() string { return "METADATA * SUB" + metadataList() }

// subscribe tells the network what one wants to hear of.
func (s *session) subscribe(c *conn) {
	if c.can(capMetadata) && c.can(capBatch) {
		c.enqueue(outLine{text: subscription()})
		s.startWriter(c)
	}
}

// describeNetwork says what the network calls itself.
func (s *session) describeNetwork(c *conn) {
	of := transports.Target{Kind: transports.TargetNetwork, Network: s.net.ID}
	if name := oneLine(c.isup.network, maxSetting); name != "" {
		s.post(transports.Described{Of: of, What: transports.DetailName, Value: name})
	}
	if icon := strings.ReplaceAll(c.isup.icon, "{size}", networkIcon); isLink(icon) {
		s.post(transports.Described{Of: of, What: transports.DetailPicture, Value: icon})
	}
}

// isLink reports whether a value is a URL that others may be shown.
func isLink(value string) bool {
	u, err := url.Parse(value)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && printable(value)
}

// metadata takes a line that says what somebody says of himself: METADATA target key visibility value.
func (s *session) metadata(c *conn, params []string) {
	if len(params) < 3 {
		return
	}
	value := ""
	if len(params) > 3 {
		value = params[3]
	}
	var what transports.Detail
	known := false
	for _, k := range metadataKeys {
		if strings.EqualFold(k.key, params[1]) {
			what, known = k.what, true
		}
	}
	name := params[0]
	if name == "*" {
		name = s.nick
	}
	of := transports.Target{Kind: transports.TargetContact, Network: s.net.ID, ID: lowerASCII(name)}
	if r := s.lookup(name); r != nil {
		of = r.target
	} else if !validContact(name) {
		return
	}
	switch {
	case !known:
		return
	case len(value) > maxDetail:
		value = ""
	case what == transports.DetailPicture:
		value = strings.ReplaceAll(value, "{size}", networkIcon)
	}
	if what == transports.DetailPicture || what == transports.DetailHomepage {
		if !isLink(value) {
			value = ""
		}
	} else {
		value = oneLine(plain(value), maxSetting)
	}
	s.post(transports.Described{Of: of, What: what, Value: strings.Clone(value)})
}

// metadataNumeric takes numerics of metadata, and reports whether it was one.
func (s *session) metadataNumeric(c *conn, e *girc.Event) bool {
	switch e.Command {
	case "761": // RPL_KEYVALUE
		if c.can(capMetadata) {
			s.metadata(c, e.Params[min(1, len(e.Params)):])
		}
	case "774": // ERR_METADATASYNCLATER
		s.syncLater(c, e.Params)
	case "766", "768", "770", "771", "772":
	default:
		return false
	}
	return true
}

// syncLater notes that a network tells of a channel later, when it is asked again.
func (s *session) syncLater(c *conn, params []string) {
	if len(params) < 2 {
		return
	}
	r := s.lookup(params[1])
	if r == nil || r.syncs >= maxSyncs {
		return
	}
	delay := minSyncDelay
	if len(params) > 2 {
		if n, err := strconv.Atoi(params[2]); err == nil && n > 0 {
			delay = min(max(delay, time.Duration(min(n, 3600))*time.Second), maxSyncDelay)
		}
	}
	r.syncs++
	r.syncAt = time.Now().Add(delay)
	s.wakeBy(c, r.syncAt)
}

// sync asks for what people in a channel say of themselves.
func (s *session) sync(c *conn, r *room) {
	if r.syncAt = (time.Time{}); r.state == roomIn && c.can(capMetadata) && c.answer("METADATA "+r.name+" SYNC") {
		s.startWriter(c)
	}
}

// askDetails asks what contacts who have come say of themselves.
func (s *session) askDetails(c *conn, nicks []string) {
	if !c.can(capMetadata) {
		return
	}
	for _, nick := range nicks {
		if !c.answer("METADATA " + nick + " GET" + metadataList()) {
			return
		}
	}
	s.startWriter(c)
}
