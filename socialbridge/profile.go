package socialbridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // the formats that avatars are made in
	_ "image/png"
	"io"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/safehttp"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/picture"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of avatars.
const (
	maxAvatar = 5 << 20 // bytes of one as it came
	side      = 256     // pixels of one as it is shown
)

// redraw makes a picture of any format the one that is shown: nothing of what came is passed on.
func (t *Transport) redraw(ctx context.Context, raw []byte) (shown []byte, typ, hash string, err error) {
	select { // one at a time: it takes a processor
	case t.drawing <- struct{}{}:
		defer func() { <-t.drawing }()
	case <-ctx.Done():
		return nil, "", "", context.Cause(ctx)
	}
	if shown, typ, err = picture.Square(raw, side); err != nil {
		return nil, "", "", fmt.Errorf("make an avatar: %w", err)
	}
	sum := sha256.Sum256(shown)
	return shown, typ, hex.EncodeToString(sum[:16]), nil
}

// avatarPath is where the picture of an account is, below the public URL.
func avatarPath(name, hash, typ string) string {
	ext := ".png"
	if typ == "image/jpeg" {
		ext = ".jpg"
	}
	return "/avatar/" + name + "/" + hash + ext
}

// Profiled implements transports.Social.
func (t *Transport) Profiled(ctx context.Context, user transports.Address, p transports.Profile) error {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{JID: user.Bare().String()})
	if err != nil || !ok {
		return orBusy(err)
	}
	a := t.actor(&row)
	before := profileOf(&a)
	for _, f := range []struct {
		now *string
		to  *string
	}{{p.Name, &a.Name}, {p.Note, &a.Note}, {p.Home, &a.Home}, {p.Place, &a.Place}} {
		if f.now != nil {
			*f.to = *f.now
		}
	}
	if p.Nick != nil && *p.Nick != "" && (p.Name == nil || *p.Name == "") && (a.Name == "" || p.Name != nil) {
		a.Name = *p.Nick // in URLs he is called as he always was
	}
	a.Nick = row.Name
	var shown []byte
	typ, hash := "", ""
	if len(p.Picture) > 0 && len(p.Picture) <= maxAvatar {
		if shown, typ, hash, err = t.redraw(ctx, p.Picture); err != nil {
			t.log.Debug("a user's picture is not shown", "error", err)
			shown = nil
		}
	}
	return t.write(ctx, func(tx *store.Tx) error {
		if shown != nil {
			if _, was, err := tx.SocialPictureFrom(row.ID); err != nil {
				return err
			} else if was != hash {
				if err := tx.SetSocialPicture(store.SocialPicture{Actor: row.ID, Hash: hash, Image: shown}); err != nil {
					return err
				}
			}
			a.Pictures = []activity.Picture{{URL: avatarPath(row.Name, hash, typ), Type: typ}}
			if conf, _, err := image.DecodeConfig(bytes.NewReader(shown)); err == nil {
				a.Pictures[0].Width, a.Pictures[0].Height = conf.Width, conf.Height
			}
		}
		now, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: row.ID})
		if err != nil || !ok || now.JID == "" {
			return err
		}
		if now.Profile = profileOf(&a); now.Profile == before {
			return nil
		}
		if err := tx.SetSocialActor(now); err != nil {
			return err
		}
		acc := t.account(&now)
		out := activity.Activity{ID: t.base + pathNote + newName(), Verb: activity.Update, Actor: acc.Actor, Published: tx.Now(), Public: true, Title: displayName(&acc.Actor) + " updated the profile"}
		followers, err := tx.SocialFollowersOf(row.ID, maxList)
		if err != nil {
			return err
		}
		if err := t.send(tx, Sending{By: acc, Activity: &out}, followers); err != nil {
			return err
		}
		return t.profileChanged(tx, &now)
	})
}

// Picture implements transports.Social.
func (t *Transport) Picture(ctx context.Context, of transports.Target) ([]byte, error) {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{Acct: of.ID})
	if err != nil || !ok {
		return nil, orBusy(err)
	}
	p, err := t.opt.Store.SocialPicture(ctx, row.ID)
	return p.Image, orBusy(err)
}

// picture has the avatar of an actor be fetched, where it is another one than before.
func (t *Transport) picture(tx *store.Tx, row *store.SocialActor) error {
	a := t.actor(row)
	if t.opt.Pictures == nil || len(a.Pictures) == 0 || row.Name != "" {
		return nil
	}
	url := a.Pictures[0].URL
	for _, p := range a.Pictures { // the smallest that is large enough
		if p.Width >= 96 {
			url = p.URL
		}
	}
	from, _, err := tx.SocialPictureFrom(row.ID)
	if err != nil || from == url || !t.Allowed(hostOf(url)) {
		return err
	}
	// It is noted first, so that it is fetched once, whatever comes of it.
	if err := tx.SetSocialPicture(store.SocialPicture{Actor: row.ID, URL: url}); err != nil {
		return err
	}
	return t.enqueue(tx, kindPicture, row.URI, task{Actor: row.ID, URL: url, Expires: findTime * 30})
}

// doPicture fetches an avatar.
func (t *Transport) doPicture(ctx context.Context, what task) jobs.Outcome {
	if t.opt.Pictures == nil {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	raw, err := fetch(ctx, t.opt.Pictures, what.URL)
	if err != nil {
		return jobs.Outcome{Err: errors.New("the picture could not be fetched")}
	}
	shown, _, hash, err := t.redraw(ctx, raw)
	if err != nil {
		return jobs.Outcome{Verdict: jobs.Failed, Err: err}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: what.Actor})
		if err != nil || !ok {
			return err
		}
		if from, was, err := tx.SocialPictureFrom(row.ID); err != nil || from != what.URL || was == hash {
			return err
		}
		if err := tx.SetSocialPicture(store.SocialPicture{Actor: row.ID, URL: what.URL, Hash: hash, Image: shown}); err != nil {
			return err
		}
		return t.profileChanged(tx, &row)
	}}
}

// fetch reads what is at a URL.
func fetch(ctx context.Context, c *safehttp.Client, url string) (raw []byte, err error) {
	content, err := c.Fetch(ctx, url, safehttp.Limit{Bytes: maxAvatar, Time: 30 * time.Second, Types: []string{"image/png", "image/jpeg", "image/gif", "image/webp"}})
	if err != nil {
		return nil, err
	}
	raw, err = io.ReadAll(content)
	return raw, errors.Join(err, content.Close())
}
