package ircbridge

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/internal/scram"
	"passerelle/transports"
)

// Bounds of AUTHENTICATE (IRCv3 sasl-3.1).
const (
	maxPiece     = 400  // bytes of base64 in a line; a piece of just that length is followed by another
	maxChallenge = 8000 // bytes of base64 in all pieces of a challenge
)

// capSASL is the capability without which no AUTHENTICATE is answered.
const capSASL = "sasl"

// login is the way of one connection into the user's account (IRCv3 sasl-3.1, sasl-3.2), or by services, see identify.go. A connection that has one is of no use
// until it is done: the user believes to be known to the network, and to stand behind what hides his address there. So whatever
// goes wrong ends the connection.
type login struct {
	credentials
	wish      string // a value of SettingSASL
	encrypted bool
	optional  bool // without it one goes on as well

	offered    bool     // the network has the capability
	mechanisms []string // that it listed; none where it lists none
	asked      bool     // CAP REQ is out
	left       []string // mechanisms that were not tried yet, the strongest first
	mechanism  string   // that is being tried
	client     saslClient
	answered   bool // a mechanism came as far as a response
	done       bool
	later      bool      // it is done without a login, which is tried when the network offers one again
	again      int       // how often that was
	by         time.Time // when it counts as failed; zero until it begins

	identifying *identifying // by services; nil before it begins

	pieces     []byte // of a challenge that is not complete
	challenge  []byte
	challenged bool // there is a challenge to be answered
}

// newLogin makes the login that a user's settings ask for, nil for none.
func newLogin(n *Network, set map[string]string) (*login, *cause) {
	l := &login{
		credentials: credentials{
			account: cmp.Or(set[SettingAccount], set[SettingNick]), password: set[SettingAccountPassword],
			certificate: set[SettingCertificate] != "",
		},
		wish: cmp.Or(set[SettingSASL], saslAuto), encrypted: !n.Plain, optional: set[SettingLoginOptional] == "true",
	}
	switch {
	case l.wish == saslNone, l.wish == saslAuto && set[SettingAccount] == "" && l.password == "" && !l.certificate:
		return nil, nil
	case l.wish == saslServices && n.Plain:
		return nil, &cause{err: refused(transports.NeedPassword, "%s is reached without encryption, so your password was not said to its services: "+
			"set ports with TLS, or choose not to log in, with the command configure.", n.Name), final: true}
	case l.wish == saslServices && strings.ContainsAny(l.account+l.password, " "):
		return nil, &cause{err: refused(transports.NeedPassword, "The services of %s cannot be told a password with spaces.", n.Name), final: true}
	case len(l.possible(l.wish, true)) == 0:
		return nil, &cause{err: refused(transports.NeedPassword, "To log in to %s takes an account and its password, or a certificate: "+
			"complete your settings with the command configure, or choose there not to log in.", n.Name), final: true}
	}
	return l, nil
}

// certificates is what TLS shows to a network: the user's certificate, where he has one.
func certificates(n *Network, set map[string]string) ([]tls.Certificate, *cause) {
	pem := set[SettingCertificate]
	if pem == "" {
		return nil, nil
	}
	certificate, err := readCertificate(pem)
	if err != nil {
		e := refused(transports.NeedPassword, "Your certificate for %s cannot be read: set it again with the command configure.", n.Name)
		return nil, &cause{err: e.Because(err), final: true}
	}
	return []tls.Certificate{*certificate}, nil
}

// who names the user to himself.
func (l *login) who() transports.Words {
	if l.account == "" {
		return transports.Words{Text: "your certificate"}
	}
	return transports.Words{Text: "account %s", Args: []any{l.account}}
}

// offer notes the capability with its value, a list of mechanisms, which IRCv3 has since version 302.
func (l *login) offer(value string) {
	if l != nil {
		l.offered = true
		l.mechanisms = cutMechanisms(value) // the last word counts; there may be many
	}
}

// pending reports whether the connection has still to be logged in.
func (l *login) pending() bool { return l != nil && !l.done }

// early reports whether that has to be done before the network lets us in.
func (l *login) early() bool { return l.pending() && l.wish != saslServices }

// refuseLogin ends a connection that cannot be logged in.
func (s *session) refuseLogin(c *conn, final bool, format string, args ...any) {
	s.giveUpLogin(c, refused(transports.NeedPassword, format, append([]any{s.net.Name}, args...)...), final)
}

// distrust ends a connection to a network that may be somebody else, whatever the user has set.
func (s *session) distrust(c *conn, format string, args ...any) {
	c.refuse(refused(transports.NeedPassword, format, append([]any{s.net.Name}, args...)...), true)
}

// maxLaterLogins is how often a login is tried anew on one connection, where its network offers one again and again.
const maxLaterLogins = 3

// loginAgain logs in on a network that let the user in without, and offers a login by now.
func (s *session) loginAgain(c *conn) {
	l := c.login
	if l == nil || !l.done || !l.later || !l.offered || c.account != "" || l.again == maxLaterLogins {
		return
	}
	l.again++
	l.done, l.later, l.asked, l.answered, l.challenged = false, false, false, false, false
	s.startLogin(c)
}

// loginMissing ends a connection to a network that lets nobody log in. It may do so again once its services are back.
func (s *session) loginMissing(c *conn) {
	s.refuseLogin(c, false, "%s offers no login (SASL) now, so you are not connected: try again later. Where it never does, the command login finds another way.")
}

// startLogin asks for the capability once the network's are known.
func (s *session) startLogin(c *conn) {
	l := c.login
	if l == nil {
		return
	}
	if l.wish == saslServices {
		if !l.offered {
			return // once we are let in
		}
		l.wish = saslPassword // where it has become possible it is better
	}
	if !l.offered {
		s.loginMissing(c)
		return
	}
	choose := func(encrypted bool) []string {
		return slices.DeleteFunc(l.possible(l.wish, encrypted), func(name string) bool {
			return len(l.mechanisms) > 0 && !slices.Contains(l.mechanisms, name)
		})
	}
	l.left = choose(l.encrypted)
	switch {
	case len(l.left) > 0:
	case len(choose(true)) > 0:
		s.refuseLogin(c, true, "%s is reached without encryption and has no login that hides the password of %s, so it was not sent.", l.who())
		return
	default:
		s.refuseLogin(c, true, "%s has no way to log in that fits your settings: change them with the command configure.")
		return
	}
	l.asked = true
	l.by = time.Now().Add(loginTimeout)
	s.wakeBy(c, l.by)
	c.urgent = append(c.urgent, "CAP REQ :"+capSASL)
	s.startWriter(c)
}

// loginAnswered handles the answer to the request for the capability.
func (s *session) loginAnswered(c *conn, granted bool) {
	switch l := c.login; {
	case !l.pending() || !l.asked || l.client != nil:
	case granted:
		s.tryLogin(c)
	default:
		s.loginMissing(c)
	}
}

// tryLogin begins the exchange of the strongest mechanism that was not tried yet.
func (s *session) tryLogin(c *conn) {
	l := c.login
	l.mechanism, l.left = l.left[0], l.left[1:]
	l.client = l.credentials.client(l.mechanism)
	l.pieces = nil
	c.urgent = append(c.urgent, "AUTHENTICATE "+l.mechanism)
	s.startWriter(c)
}

// authenticate takes a piece of a challenge.
func (s *session) authenticate(c *conn, piece string) {
	l := c.login
	if !l.pending() || l.client == nil {
		return // nobody asked
	}
	if piece != "+" {
		if len(piece) > maxPiece || len(l.pieces)+len(piece) > maxChallenge {
			s.loginGarbled(c, errors.New("the challenge is too long"))
			return
		}
		if l.pieces = append(l.pieces, piece...); len(piece) == maxPiece {
			return
		}
	}
	var err error
	if l.challenge, err = base64.StdEncoding.DecodeString(string(l.pieces)); err != nil {
		s.loginGarbled(c, err)
		return
	}
	l.pieces, l.challenged = nil, true
}

// respond answers a challenge. It is called on the session's goroutine without mu, since deriving a key takes its time; nothing
// else touches what it reads.
func (s *session) respond(c *conn) *cause {
	l := c.login
	if l == nil || !l.challenged {
		return nil
	}
	l.challenged = false
	response, err := l.client.Respond(l.challenge)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, refusal := errors.AsType[scram.Refusal](err); {
	case s.closed:
		return nil // reading ends
	case refusal:
		s.loginRefused(c)
	case errors.Is(err, scram.ErrServer):
		s.distrust(c, "%s does not prove that it knows the password of %s: it may be somebody else in its place.", l.who())
	case err != nil:
		s.loginGarbled(c, err)
	default:
		l.answered = true
		c.urgent = append(c.urgent, authenticateLines(response)...)
		s.startWriter(c)
	}
	return c.fault
}

// authenticateLines cuts a response into lines; what ends with a full piece, or is empty, needs a "+" behind it.
func authenticateLines(response []byte) []string {
	rest := base64.StdEncoding.EncodeToString(response)
	var lines []string
	for len(rest) >= maxPiece {
		lines = append(lines, "AUTHENTICATE "+rest[:maxPiece])
		rest = rest[maxPiece:]
	}
	return append(lines, "AUTHENTICATE "+cmp.Or(rest, "+"))
}

// loginGarbled ends a login in which the network does not keep to the protocol.
func (s *session) loginGarbled(c *conn, err error) {
	s.giveUpLogin(c, refused(transports.Offline, "%s does not log you in: what it says makes no sense.", s.net.Name).Because(err), false)
}

// loginRefused handles a network that refuses the mechanism that was tried (904). The next one is tried unless the password was
// found wrong: more attempts would only bring the account nearer to being locked.
func (s *session) loginRefused(c *conn) {
	l := c.login
	switch {
	case (l.client.Judged() || l.mechanism == mechExternal && l.answered && len(l.left) == 0) && s.doubts(c):
	case l.client.Judged():
		s.refuseLogin(c, true, "%s refuses the password of %s: set it with the command login.", l.who())
	case len(l.left) > 0:
		s.tryLogin(c)
	case !l.answered: // nothing of ours was looked at
		s.giveUpLogin(c, refused(transports.Offline, "%s logs nobody in at the moment: try again later.", s.net.Name), false)
	case l.mechanism == mechExternal:
		s.refuseLogin(c, true, "%s does not know your certificate: make another one with the command certfp, or set the password with the command login.")
	default:
		s.refuseLogin(c, true, "%s does not log in %s: it does not know it, or cannot check its password by %s.", l.who(), l.mechanism)
	}
}

// loginNumeric handles the numerics of SASL and of accounts (IRCv3 sasl-3.1), and reports whether it did.
func (s *session) loginNumeric(c *conn, e *girc.Event) bool {
	switch e.Command {
	case girc.RPL_LOGGEDIN, girc.RPL_LOGGEDOUT:
		c.account = ""
		if e.Command == girc.RPL_LOGGEDIN && len(e.Params) > 3 && printable(e.Params[2]) && len(e.Params[2]) <= maxSetting {
			c.account = strings.Clone(e.Params[2])
		}
		if c.login.pending() && c.login.identifying != nil && c.login.identifying.said && c.account != "" {
			s.loggedIn(c)
		} else if c.registered {
			s.personChanged(c, transports.PersonChanged{Who: s.self(c), Known: transports.KnownAccount}, true)
			s.post(transports.Notice{Text: plain(e.Last())})
		}
		return true
	}
	l := c.login
	if !l.pending() || l.client == nil {
		return false
	}
	switch e.Command {
	case girc.RPL_SASLSUCCESS:
		if !l.client.Complete() {
			s.distrust(c, "%s claims to have logged in %s without proof: it may be somebody else in its place.", l.who())
			return true
		}
		s.loggedIn(c)
	case "902": // ERR_NICKLOCKED
		s.refuseLogin(c, true, "%s does not let %s in: %s.", l.who(), sentence(e))
	case girc.ERR_SASLFAIL:
		s.loginRefused(c)
	case girc.ERR_SASLTOOLONG:
		s.refuseLogin(c, true, "%s takes no password as long as that of %s.", l.who())
	case girc.ERR_SASLABORTED:
		s.giveUpLogin(c, refused(transports.Offline, "%s broke the login off: try again later.", s.net.Name), false)
	case girc.ERR_SASLALREADY:
		s.loginGarbled(c, errors.New("already authenticated, on a new connection"))
	case girc.RPL_SASLMECHS: // 904 follows
		if len(e.Params) > 2 {
			offered := cutMechanisms(e.Params[1])
			l.left = slices.DeleteFunc(l.left, func(name string) bool { return !slices.Contains(offered, name) })
		}
	default:
		return false
	}
	return true
}

// maxDoubts is how often a login that has worked is tried again where it is refused.
const maxDoubts = 3

// seal tells a login from others without keeping what it is made of.
func (l *login) seal(key []byte) string {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%q %q %q", l.mechanism, l.account, l.password)
	return string(m.Sum(nil))
}

// doubts reports whether a network is not believed that refuses a login which it has taken before: services that are about to go, or that have
// lost their data for a while, say the same as where the password is wrong. So it is tried again, after long pauses, since attempts are counted.
func (s *session) doubts(c *conn) bool {
	l := c.login
	if s.proven.login == "" || s.proven.doubted >= maxDoubts || s.proven.login != l.seal(s.proven.key) {
		return false
	}
	s.proven.doubted++
	s.giveUpLogin(c, refused(transports.NeedPassword, "%s refuses %s, whom it has let in before.", s.net.Name, l.who()), false)
	if c.fault != nil {
		c.fault.patient = true
	}
	return true
}

// proven is a login of a session that has worked.
type proven struct {
	key     []byte
	login   string // sealed; empty before the first
	doubted int    // how often it was refused since
}

// loggedIn notes that a login has worked.
func (s *session) loggedIn(c *conn) {
	l := c.login
	if l.client != nil && l.answered && l.client.Complete() {
		if s.proven.key == nil {
			s.proven.key = []byte(rand.Text())
		}
		s.proven.login, s.proven.doubted = l.seal(s.proven.key), 0
	}
	s.loginOver(c)
}

// loginOver goes on with the registration.
func (s *session) loginOver(c *conn) {
	l := c.login
	l.done, l.client, l.identifying, l.by = true, nil, nil, time.Time{}
	if !l.later {
		l.password = ""
	}
	if c.registered && !c.ready && c.readyBy.IsZero() { // it is all that we have waited for
		s.ready(c)
		return
	}
	s.endCaps(c)
}
