package ircd

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// scramIterations is the least that clients take (RFC 7677 §4).
const scramIterations = 4096

// exchange is a SASL exchange under way (IRCv3 sasl-3.1).
type exchange struct {
	mechanism string
	pieces    string
	step      int
	account   string

	firstBare, serverFirst string // of SCRAM
	done                   bool   // nothing but success is left to be said
}

// authenticate handles AUTHENTICATE: the name of a mechanism first, then pieces of 400 bytes.
func (s *Server) authenticate(c *client, arg string) {
	fail := func() {
		if c.sasl != nil {
			s.refusals++
		}
		c.sasl = nil
		c.numeric("904", ":SASL authentication failed")
	}
	switch {
	case !c.caps["sasl"] || c.registered:
		fail()
		return
	case c.sasl == nil && !slices.Contains(s.opt.SASL, arg):
		c.numeric("908", strings.Join(s.opt.SASL, ",")+" :are available SASL mechanisms")
		fail()
		return
	case c.sasl == nil:
		c.sasl = &exchange{mechanism: arg}
		c.send("AUTHENTICATE +")
		return
	case arg == "*":
		c.sasl = nil
		c.numeric("906", ":SASL authentication aborted")
		return
	case len(arg) > 400:
		c.sasl = nil
		c.numeric("905", ":SASL message too long")
		return
	case arg != "+":
		if c.sasl.pieces += arg; len(arg) == 400 {
			return
		}
	}
	x := c.sasl
	message, err := base64.StdEncoding.DecodeString(x.pieces)
	x.pieces = ""
	if err != nil {
		fail()
		return
	}
	x.step++
	challenge, ok := s.saslStep(c, x, message)
	switch {
	case !ok:
		fail()
	case challenge != "":
		c.send("AUTHENTICATE " + base64.StdEncoding.EncodeToString([]byte(challenge)))
	default:
		c.sasl = nil
		c.account, c.mechanism = x.account, x.mechanism
		c.numeric("900", fmt.Sprintf("%s %s :You are now logged in as %s", c.mask(), x.account, x.account))
		c.numeric("903", ":SASL authentication successful")
	}
}

// saslStep takes a message of the client's; an empty challenge is the end.
func (s *Server) saslStep(c *client, x *exchange, message []byte) (challenge string, ok bool) {
	switch x.mechanism {
	case "PLAIN": // RFC 4616 §2
		parts := bytes.Split(message, []byte{0})
		if len(parts) != 3 {
			return "", false
		}
		x.account = string(parts[1])
		password, known := s.opt.Accounts[x.account]
		return "", known && password == string(parts[2])
	case "EXTERNAL":
		if secured, isTLS := c.conn.(*tls.Conn); isTLS && len(message) == 0 {
			if shown := secured.ConnectionState().PeerCertificates; len(shown) > 0 {
				x.account = shown[0].Subject.CommonName
				_, known := s.opt.Accounts[x.account]
				return "", known
			}
		}
		return "", false
	case "SCRAM-SHA-256":
		return s.scramStep(sha256.New, x, string(message))
	case "SCRAM-SHA-512":
		return s.scramStep(sha512.New, x, string(message))
	}
	return "", false
}

// scramStep is the server's side of RFC 5802 §3.
func (s *Server) scramStep(h func() hash.Hash, x *exchange, message string) (challenge string, ok bool) {
	mac := func(key []byte, text string) []byte {
		m := hmac.New(h, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	const salt = "salt of the test"
	if x.done {
		return "", message == ""
	}
	switch x.step {
	case 1:
		bare, isPlain := strings.CutPrefix(message, "n,,")
		name, nonce, hasNonce := strings.Cut(strings.TrimPrefix(bare, "n="), ",r=")
		x.account = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
		if _, known := s.opt.Accounts[x.account]; !isPlain || !hasNonce || !known {
			return "", false
		}
		x.firstBare = bare
		x.serverFirst = fmt.Sprintf("r=%sserver,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString([]byte(salt)), scramIterations)
		return x.serverFirst, true
	case 2:
		final, proof64, _ := strings.Cut(message, ",p=")
		proof, err := base64.StdEncoding.DecodeString(proof64)
		nonce, _, _ := strings.Cut(strings.TrimPrefix(x.serverFirst, "r="), ",")
		salted, keyErr := pbkdf2.Key(h, s.opt.Accounts[x.account], []byte(salt), scramIterations, h().Size())
		if err != nil || keyErr != nil || len(proof) != h().Size() || final != "c=biws,r="+nonce {
			return "", false
		}
		stored := func(clientKey []byte) []byte {
			sum := h()
			sum.Write(clientKey)
			return sum.Sum(nil)
		}
		auth := x.firstBare + "," + x.serverFirst + "," + final
		want := stored(mac(salted, "Client Key"))
		clientKey := make([]byte, len(proof))
		subtle.XORBytes(clientKey, proof, mac(want, auth))
		if !hmac.Equal(stored(clientKey), want) {
			return "", false
		}
		x.done = true
		return "v=" + base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), auth)), true
	}
	return "", false
}
