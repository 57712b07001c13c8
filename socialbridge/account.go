package socialbridge

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// keyBits is the size of keys: GNU social takes no larger ones with pleasure, and none smaller are safe.
const keyBits = 2048

// maxKeys bounds the private keys in memory.
const maxKeys = 1000

// Paths of what an account has, below the public URL; they never change.
const (
	pathUser = "/u/"
	pathNote = "/n/"
	pathTag  = "/tag/"
)

// accountName is what a user is called in his URLs. It is [0-9a-z_]: GNU social makes an empty nick of anything else. Other characters are "_" and two
// digits, and so is a "_" that would be read like that. Users of other domains have a hash of theirs behind their names.
func accountName(user transports.Address, users string) string {
	var b strings.Builder
	local := user.Local
	for i := 0; i < len(local); i++ {
		c := local[i]
		switch {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'z', c == '_' && !isHex(local, i+1):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	name := b.String()
	sum := sha256.Sum256([]byte(user.Bare().String()))
	suffix := "_" + hex.EncodeToString(sum[:4])
	if user.Domain != users {
		name += suffix
	}
	if len(name) > maxName {
		name = name[:maxName-len(suffix)] + suffix
	}
	if name == "" {
		name = "x" + suffix
	}
	return name
}

// isHex reports whether two hexadecimal digits stand at a place.
func isHex(s string, at int) bool {
	if at+2 > len(s) {
		return false
	}
	_, err := hex.DecodeString(s[at : at+2])
	return err == nil
}

// errNoAccount is what somebody is told who would publish without an account.
func errNoAccount(lang string) error {
	return transports.NewError(transports.NotRegistered, text.Say(lang, "This would be public, and you have not said yet that you want to take part in the social web. “social” tells you what that means."), nil)
}

// accountOf is the account of a user; its error is that he has none.
func (t *Transport) accountOf(ctx context.Context, lang string, user transports.Address) (*Account, error) {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{JID: user.Bare().String()})
	switch {
	case err != nil:
		return nil, busy(err)
	case !ok:
		return nil, errNoAccount(lang)
	}
	return t.account(&row), nil
}

// account is an account as the database has it.
func (t *Transport) account(row *store.SocialActor) *Account {
	a := &Account{ID: row.ID, User: userOf(row.JID), Name: row.Name, Hidden: row.Hidden, Approves: row.Approves, Since: row.Since, Actor: t.actor(row)}
	a.Acct = row.Name + "@" + t.host
	a.Nick = row.Name
	if a.Actor.Name == "" {
		a.Actor.Name = row.Name
	}
	a.Page = row.URI
	a.Routes = activity.Routes{
		Feed: row.URI + ".atom", Hub: t.base + "/hub", Slap: t.base + "/salmon/" + row.Name, Subscribe: t.base + "/authorize?uri={uri}",
	}
	for i := range a.Pictures {
		p := &a.Pictures[i]
		if strings.HasPrefix(p.URL, "/") {
			p.URL = t.base + p.URL
		}
	}
	return a
}

// join makes an account for a user who has none. It makes a key, which takes a while.
func (t *Transport) join(ctx context.Context, lang string, user transports.Address) (*Account, bool, error) {
	if may := t.rules.Load().May; may != nil && !may(user) {
		return nil, false, transports.NewError(transports.Denied, text.Say(lang, "The operator of this gateway does not let you take part."), nil)
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, false, transports.NewError(transports.Internal, "", fmt.Errorf("make a key: %w", err))
	}
	var row store.SocialActor
	made := false
	err = t.write(ctx, func(tx *store.Tx) error {
		var ok bool
		var err error
		if row, ok, err = tx.SocialActor(t.opt.Domain, store.SocialKey{JID: user.Bare().String()}); ok || err != nil {
			return err
		}
		name := accountName(user, t.rules.Load().Users)
		for n := 2; ; n++ { // who was here before, and is gone, keeps his name
			if _, taken, err := tx.SocialActor(t.opt.Domain, store.SocialKey{Name: name}); err != nil {
				return err
			} else if !taken {
				break
			}
			suffix := fmt.Sprintf("_%d", n)
			name = accountName(user, t.rules.Load().Users)
			name = name[:min(len(name), maxName-len(suffix))] + suffix
		}
		row = store.SocialActor{
			Domain: t.opt.Domain, URI: t.base + pathUser + name, Acct: name + "@" + t.host, JID: user.Bare().String(), Name: name,
			PublicKey: x509.MarshalPKCS1PublicKey(&key.PublicKey), Profile: profileOf(&activity.Actor{Nick: name}),
		}
		if row.ID, err = tx.AddSocialActor(row, store.Secret(base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key)))); err != nil {
			return err
		}
		row.Since = tx.Now()
		made = true
		return t.joined(tx, t.account(&row))
	})
	if err != nil {
		return nil, false, err
	}
	return t.account(&row), made, nil
}

// joined has those be told whom a user has followed before he had an account, and his node be watched.
func (t *Transport) joined(tx *store.Tx, a *Account) error {
	untold, err := tx.UntoldFollowing(t.userID(a.User), maxUntold)
	if err != nil {
		return err
	}
	for _, f := range untold {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: f.Actor})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := t.sayFollow(tx, a, &row, true); err != nil {
			return err
		}
		f.Told = true
		if _, err := tx.FollowSocial(f); err != nil {
			return err
		}
	}
	return t.enqueue(tx, kindWatch, "", task{User: a.User.String()})
}

// maxUntold bounds whom somebody follows without an account.
const maxUntold = 1000

// leave ends an account for ever: everybody who follows it is told that all it has published is gone, as far as the wire can; of what is older by jobs.
func (t *Transport) leave(tx *store.Tx, a *Account) error {
	posts, err := tx.SocialPostsOf(a.ID, maxTold)
	if err != nil {
		return err
	}
	for i := range posts {
		if err := t.sayDeleted(tx, a, &posts[i]); err != nil {
			return err
		}
	}
	id := t.userID(a.User)
	for after := int64(0); ; {
		all, err := tx.SocialFollowees(id, after, 100)
		if err != nil {
			return err
		}
		for i := range all {
			after = all[i].ID
			if err := t.unfollow(tx, a.User, a, &all[i]); err != nil {
				return err
			}
		}
		if len(all) < 100 {
			break
		}
	}
	if len(posts) == maxTold {
		if err := t.enqueue(tx, kindLeave, a.URI, task{Actor: a.ID, Post: posts[maxTold-1].ID}); err != nil {
			return err
		}
	}
	return tx.EndSocialAccount(a.ID)
}

// doLeave tells others of more posts of an account that is gone, and has the next ones be told of.
func (t *Transport) doLeave(_ context.Context, what task) jobs.Outcome {
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: what.Actor})
		if err != nil || !ok || row.GoneAt.IsZero() {
			return err
		}
		posts, err := tx.SocialPostsEnded(&row, what.Post, toldAtOnce)
		if err != nil || len(posts) == 0 {
			return err
		}
		a := t.account(&row)
		all := make([]activity.Activity, len(posts))
		for i := range posts {
			all[i] = deleted(tx, a, &posts[i])
		}
		if err := t.send(tx, Sending{By: a, Activity: &all[0], More: all[1:], Everybody: true}, nil); err != nil || len(posts) < toldAtOnce {
			return err
		}
		return t.enqueue(tx, kindLeave, row.URI, task{Actor: row.ID, Post: posts[toldAtOnce-1].ID})
	}}
}

// Leaves is called where everything that is kept of a user is deleted, in that transaction: his account ends, if he has one.
func (t *Transport) Leaves(tx *store.Tx, user transports.Address) error {
	a, err := t.accountIn(tx, user)
	if err != nil || a == nil {
		return err
	}
	if err := t.leave(tx, a); err != nil {
		return err
	}
	return t.enqueue(tx, kindWatch, "", task{User: a.User.String(), Stop: true})
}

// maxTold is of how many posts others are told one by one that they are deleted, when an account ends: also those whom they name. Of the others they are
// told toldAtOnce together.
const (
	maxTold    = 200
	toldAtOnce = 100
)

// Account implements Core.
func (t *Transport) Account(ctx context.Context, name string) (*Account, error) {
	return t.accountBy(ctx, store.SocialKey{Name: name})
}

func (t *Transport) accountBy(ctx context.Context, key store.SocialKey) (*Account, error) {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, key)
	switch {
	case err != nil:
		return nil, busy(err)
	case !ok || row.Name == "":
		return nil, transports.NewError(transports.NotFound, "There is nobody of that name.", nil)
	case !row.GoneAt.IsZero():
		return t.account(&row), transports.NewError(transports.Gone, "Whose name that was is not here any more.", nil)
	}
	return t.account(&row), nil
}

// Resolve implements Core.
func (t *Transport) Resolve(ctx context.Context, ref string) (*Account, error) {
	notFound := transports.NewError(transports.NotFound, "There is nobody of that name.", nil)
	switch {
	case strings.HasPrefix(ref, t.base+"/"):
		path, _, _ := strings.Cut(strings.TrimPrefix(ref, t.base), "?")
		name, ok := strings.CutPrefix(path, pathUser)
		if !ok {
			return nil, notFound
		}
		return t.Account(ctx, strings.TrimSuffix(name, ".atom"))
	case strings.HasPrefix(ref, "xmpp:"):
		jid, _, _ := strings.Cut(strings.TrimPrefix(ref, "xmpp:"), "?")
		if unescaped, err := url.PathUnescape(jid); err == nil {
			jid = unescaped
		}
		user, err := transports.ParseAddress(jid)
		if err != nil {
			return nil, notFound
		}
		a, err := t.accountBy(ctx, store.SocialKey{JID: user.Bare().String()})
		if err == nil && a.Hidden { // who knows a JID is not to learn whether it takes part
			return nil, notFound
		}
		return a, err
	}
	acct, ok := parseAcct(strings.TrimPrefix(ref, "acct:"))
	name, host, _ := strings.Cut(acct, "@")
	if !ok || host != t.host {
		return nil, notFound
	}
	return t.Account(ctx, name)
}

// Sign implements Core.
func (t *Transport) Sign(ctx context.Context, a *Account, signed []byte) ([]byte, error) {
	key, err := t.key(ctx, a)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(signed)
	s, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, transports.NewError(transports.Internal, "", fmt.Errorf("sign: %w", err))
	}
	return s, nil
}

// key is the private key of an account.
func (t *Transport) key(ctx context.Context, a *Account) (*rsa.PrivateKey, error) {
	t.keysMu.Lock()
	key := t.keys[a.ID]
	t.keysMu.Unlock()
	if key != nil {
		return key, nil
	}
	sealed, ok, err := t.opt.Store.SocialPrivateKey(ctx, &store.SocialActor{ID: a.ID, Domain: t.opt.Domain, URI: a.URI})
	switch {
	case err != nil:
		return nil, busy(err)
	case !ok:
		return nil, transports.NewError(transports.Gone, "Whose name that was is not here any more.", nil)
	}
	der, err := base64.StdEncoding.DecodeString(sealed.Reveal())
	if err == nil {
		key, err = x509.ParsePKCS1PrivateKey(der)
	}
	if err != nil {
		return nil, transports.NewError(transports.Internal, "", fmt.Errorf("read a key: %w", err))
	}
	t.keysMu.Lock()
	defer t.keysMu.Unlock()
	if len(t.keys) >= maxKeys {
		clear(t.keys)
	}
	t.keys[a.ID] = key
	return key, nil
}
