package component

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"passerelle/internal/export"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// A user gets everything that is kept about him as one file: by a one-time link where there are pages, where it is made as it is fetched
// and no copy stays; else by way of the upload service of his own server.

const (
	maxExports    = 2 // at a time: each keeps a processor busy for as long as it takes
	exportLink    = time.Hour
	exportTime    = 2 * time.Hour
	maxExportFile = 1 << 30 // bytes of one that is uploaded, where the server does not say how much it takes
)

// exports are those that run. Safe to use from any goroutine.
type exports struct {
	mu      sync.Mutex
	running map[transports.Address]context.CancelCauseFunc
	stopped bool
}

// begin takes a place for a user's export.
func (e *exports) begin(ctx context.Context, jid transports.Address) (context.Context, func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.stopped:
		return nil, nil, transports.NewError(transports.Busy, stoppingText, nil)
	case e.running[jid] != nil:
		return nil, nil, transports.NewError(transports.Busy, "An export of this is being made already. Wait until it is done.", nil)
	case len(e.running) >= maxExports:
		return nil, nil, transports.NewError(transports.Busy, "Others are being exported. Try again in some minutes.", nil)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, expire := context.WithTimeout(ctx, exportTime)
	if e.running == nil {
		e.running = make(map[transports.Address]context.CancelCauseFunc)
	}
	e.running[jid] = cancel
	return ctx, func() {
		e.mu.Lock()
		delete(e.running, jid)
		e.mu.Unlock()
		expire()
		cancel(nil)
	}, nil
}

// end ends the export of a user, where one runs.
func (e *exports) end(jid transports.Address, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cancel := e.running[jid]; cancel != nil {
		cancel(why)
	}
}

// stop ends all of them, and lets none begin any more.
func (e *exports) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	for _, cancel := range e.running {
		cancel(transports.NewError(transports.Busy, stoppingText, nil))
	}
}

// Export writes everything that is kept about somebody to w, in the words of a language. Progress is told how many messages of about how
// many are written; nil for nobody. An error before the first byte is one that may be tried again. It may take hours, and is ended by the
// end of the gateway and by the removal of the user. Safe to call from any goroutine, but that of a user.
func (g *Gateway) Export(ctx context.Context, jid transports.Address, lang string, w io.Writer, progress func(done, all int64)) error {
	return g.exporting(ctx, jid.Bare(), lang, func(ctx context.Context) error { return g.writeExport(ctx, jid.Bare(), lang, w, progress) })
}

// exporting does what takes an export of somebody, whose end and that of the gateway end it.
func (g *Gateway) exporting(ctx context.Context, jid transports.Address, lang string, do func(context.Context) error) error {
	if g.opt.Store == nil {
		return errNoStore(lang)
	}
	ctx, end, err := g.exports.begin(ctx, jid)
	if err != nil {
		return err
	}
	defer end()
	if err := g.hasSomething(ctx, jid, lang); err != nil {
		return err
	}
	removing := false
	if !g.on(ctx, jid, func(u *user) { removing = u.removing > 0 }) {
		return transports.NewError(transports.Busy, stoppingText, context.Cause(ctx))
	}
	if removing {
		return errRemoving()
	}
	err = do(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = errors.Join(cause, err)
	}
	return err
}

// hasSomething says so where nothing is kept about somebody, once all that he heard so far is.
func (g *Gateway) hasSomething(ctx context.Context, jid transports.Address, lang string) error {
	if g.archive != nil {
		if err := g.syncArchive(ctx, g.userID(jid)); err != nil {
			return archiveError(err)
		}
	}
	_, known, err := g.opt.Store.User(ctx, g.userID(jid))
	if err == nil && !known && g.access.admits(jid) { // that he is denied the gateway would be something
		err = transports.NewError(transports.NotFound, text.Say(lang, "Nothing is kept about %s.", jid.String()), nil)
	}
	return err
}

func (g *Gateway) writeExport(ctx context.Context, jid transports.Address, lang string, w io.Writer, progress func(done, all int64)) error {
	id := g.userID(jid)
	set, err := g.opt.Store.SettingScopes(ctx, id, SettingDays)
	if err != nil {
		return err
	}
	o := export.Options{Store: g.opt.Store, User: id, Lang: lang, Now: now(), Since: func(room string) time.Time {
		on, err := g.opt.Transport.Parse(room)
		if err != nil {
			on = transports.Target{}
		}
		return g.sinceIn(set, on)
	}}
	if files := g.uploads.opt.Files; files != nil {
		o.Open = files.Open
	}
	if progress != nil {
		all, err := export.Size(ctx, o)
		if err != nil {
			return err
		}
		o.Progress = func(n int64) { progress(min(n, all), all) }
	}
	return export.Write(ctx, w, o)
}

// exportCommand is "export".
func (g *Gateway) exportCommand() transports.Command {
	return transports.Command{Name: transports.ExportCommand, Title: "Get everything that is kept about you", Run: g.exportRun}
}

func (g *Gateway) exportRun(ctx context.Context, call transports.Call) (string, error) {
	if g.opt.Store == nil {
		return "", errNoStore(call.Lang)
	}
	if err := g.hasSomething(ctx, call.User, call.Lang); err != nil {
		return "", err
	}
	if g.linksWork() {
		done, err := g.writing(ctx, call.User)
		if err != nil {
			return "", err
		}
		defer done()
		token := newToken()
		link := store.Link{UserID: g.userID(call.User), Command: transports.ExportCommand, ExpiresAt: now().Add(exportLink)}
		if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.AddLink(store.Secret(token), link) }); err != nil {
			return "", err
		}
		said := text.Say(call.Lang, "This page gives you everything that is kept about you. It works once, within an hour:") + "\n" + g.linkTo(token)
		g.onUser(call.User, func(u *user) { u.sayOnce(saidTo(g.botAddress(), u.jid, call.Lang), said) })
		return text.Say(call.Lang, "You get a message with a link."), nil
	}
	if _, err := g.exportService(ctx, call.User); err != nil {
		return "", err
	}
	g.onUser(call.User, func(u *user) { u.uploadExport(call.Lang) })
	return text.Say(call.Lang, "It is being made. You get a message with a link when it is done."), nil
}

// exportService finds where an export of somebody can be uploaded.
func (g *Gateway) exportService(ctx context.Context, jid transports.Address) (limit int64, err error) {
	services, err := g.uploadServices(ctx, jid.Domain)
	if err != nil {
		return 0, err
	}
	if len(services) == 0 {
		return 0, transports.NewError(transports.Unsupported,
			"This gateway has no web pages and your XMPP server no place for uploads, so the file cannot be handed to you. Ask the operator of the gateway for it.", nil)
	}
	for _, s := range services {
		if s.maxSize == 0 {
			return maxExportFile, nil
		}
		limit = max(limit, min(s.maxSize, maxExportFile))
	}
	return limit, nil
}

// uploadExport makes an export and uploads it, and tells the user where it is.
func (u *user) uploadExport(lang string) {
	u.awaited++ // he is not forgotten meanwhile
	u.g.working.add()
	go func() {
		defer u.g.working.done()
		link, err := u.g.exportFile(u.ctx, u.jid, lang)
		u.post(func() {
			u.awaited--
			s := saidTo(u.g.botAddress(), u.jid, lang)
			if err != nil {
				e := u.sayError(err)
				u.say(s, text.Say(lang, "Your export could not be made.")+" "+text.Say(lang, e.Text))
				return
			}
			u.say(s, text.Say(lang, "Everything that is kept about you:")+" "+link)
		})
	}()
}

// exportFile makes an export in a file without a name, and uploads it to the user's server.
func (g *Gateway) exportFile(ctx context.Context, jid transports.Address, lang string) (link string, err error) {
	defer g.mendPanic(&err)
	limit, err := g.exportService(ctx, jid)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(g.opt.Scratch, "export-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := os.Remove(f.Name()); err != nil { // nothing of it outlives the process
		return "", err
	}
	bounded := &boundedWriter{w: f, left: limit}
	err = g.exporting(ctx, jid, lang, func(ctx context.Context) (err error) {
		err = g.writeExport(ctx, jid, lang, bounded, nil)
		switch {
		case bounded.left < 0:
			return transports.NewError(transports.TooLarge, "It is larger than what your XMPP server takes. Ask the operator of the gateway for it.", err)
		case err != nil:
			return err
		}
		link, err = g.uploadToOwnServer(ctx, jid, transports.File{Name: export.FileName(jid.String(), now()), Type: "application/zip", Size: limit - bounded.left}, f)
		return err
	})
	return link, err
}

// boundedWriter writes so many bytes and no more.
type boundedWriter struct {
	w    io.Writer
	left int64 // below zero once there were too many
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errors.New("the export is too large")
	}
	return b.w.Write(p)
}
