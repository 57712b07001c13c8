package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/files"
	"passerelle/internal/safehttp"
	"passerelle/transports"
)

// Files go to the upload service of their owner's server (XEP-0363), which the gateway asks for a slot under its own name; where there
// is none, or none for us, they are kept by the gateway itself.
//
// The service names the URL that is written to. A stranger's server must not lead the gateway into the operator's network that way, so
// only public addresses are connected to and only https is spoken. For the operator's own domains either may be private: their server
// often is the same machine.

// UploadOptions are how files are uploaded. The zero value uploads to servers at public addresses alone.
type UploadOptions struct {
	Files     *files.Keeper    // keeps what no server takes; nil for nobody
	HTTP      safehttp.Options // for servers of strangers
	FirstWait time.Duration    // before the second try, doubled for the third; zero takes the default
}

// Limits of uploads.
const (
	maxUploads    = 16 // at a time, of the operator's own users, and as many of all others
	uploadTries   = 3
	uploadWait    = time.Second
	maxUploadWait = 10 * time.Second // a server that asks for more patience is given up
	slotTimeout   = 10 * time.Second
	maxServices   = 32   // items of a domain that are asked whether they take uploads
	maxKnown      = 1000 // domains whose services are remembered
	knowFor       = time.Hour
	knowNothing   = 5 * time.Minute // that there is none
	knowSilence   = time.Minute     // that nobody answered: not each message is to wait for that
	maxLink       = 1024            // bytes of the URL that people get
	maxHeader     = 8 << 10         // bytes of a header of a slot
)

// uploads is how a gateway uploads files. It is safe to use from any goroutine.
type uploads struct {
	opt             UploadOptions
	ownDomains      func() []string // those of the moment
	outside, inside *safehttp.Client
	life            context.Context // ends with the gateway
	stop            context.CancelFunc
	// ours and strangers hold a token for each upload that runs; who comes beyond the capacity waits for as long as his context. Servers
	// of strangers may be as slow as they like, and nobody but strangers is to wait for them.
	ours, strangers chan struct{}

	mu    sync.Mutex
	known map[string]knownServices // by domain
}

// knownServices are the upload services of a domain, as they were found.
type knownServices struct {
	services []uploadService
	until    time.Time
}

type uploadService struct {
	jid     transports.Address
	maxSize int64 // 0 if it does not say
}

func newUploads(o UploadOptions, ownDomains func() []string) *uploads {
	if o.FirstWait == 0 {
		o.FirstWait = uploadWait
	}
	inside := o.HTTP
	inside.Permit = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	life, stop := context.WithCancel(context.Background())
	return &uploads{
		life: life, stop: stop,
		opt: o, ownDomains: ownDomains, outside: safehttp.New(o.HTTP), inside: safehttp.New(inside),
		ours: make(chan struct{}, maxUploads), strangers: make(chan struct{}, maxUploads), known: make(map[string]knownServices),
	}
}

var errStopping = errors.New("the gateway is being stopped")

// close ends everything.
func (u *uploads) close() {
	u.stop()
	u.outside.Close()
	u.inside.Close()
}

// own reports whether a service is the operator's own: at his domain or below it, and named by that.
func (u *uploads) own(domain string, service transports.Address) bool {
	return slices.Contains(u.ownDomains(), domain) && below(domain, service)
}

// stolen reports whether a service is the operator's own and named by a domain that is not: its users would use up what the gateway
// may upload there.
func (u *uploads) stolen(domain string, service transports.Address) bool {
	return !slices.Contains(u.ownDomains(), domain) &&
		slices.ContainsFunc(u.ownDomains(), func(own string) bool { return below(own, service) })
}

// below reports whether a service is at a domain or below it.
func below(domain string, service transports.Address) bool {
	return service.Domain == domain || strings.HasSuffix(service.Domain, "."+domain)
}

// lane is where the uploads of a domain's users wait for their turn.
func (u *uploads) lane(domain string) chan struct{} {
	if slices.Contains(u.ownDomains(), domain) {
		return u.ours
	}
	return u.strangers
}

// Upload puts a file where everybody who has its link can fetch it, and returns the link. It tries the server of the owner and then the
// gateway's own place, until ctx ends. The error is a *transports.Error that says why it is at neither.
func (g *Gateway) Upload(ctx context.Context, owner transports.Address, f transports.File, content io.ReaderAt) (link string, err error) {
	defer g.mendPanic(&err) // a conversation waits for the outcome
	link, err = g.uploadToOwnServer(ctx, owner, f, content)
	if err == nil {
		return link, nil
	}
	id := g.opt.Identity(owner.Bare().String())
	if g.uploads.opt.Files == nil {
		g.log.Info("a file could not be uploaded", id, "error", err)
		return "", err
	}
	link, errOwn := g.keepFile(ctx, owner, f, content)
	if errOwn != nil {
		e, own := transports.AsError(err), transports.AsError(errOwn)
		if own.Kind == transports.Internal { // the disk or the database, not what the user wants of them
			g.log.Error("a file could not be kept", id, "error", errOwn)
		}
		g.log.Info("a file could not be uploaded", id, "error", err, "own_error", errOwn)
		return "", transports.Errorf(e.Kind, "%s %s", e, own).Because(errors.Join(err, errOwn))
	}
	g.log.Debug("a file is kept by the gateway, because the server of its owner has no place for it", id, "error", err)
	return link, nil
}

// uploadToOwnServer is Upload to the server of the owner alone.
func (g *Gateway) uploadToOwnServer(ctx context.Context, owner transports.Address, f transports.File, content io.ReaderAt) (link string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(g.uploads.life, func() { cancel(errStopping) })()
	lane := g.uploads.lane(owner.Domain)
	select {
	case lane <- struct{}{}:
		defer func() { <-lane }()
	case <-ctx.Done():
		return "", transports.NewError(transports.Busy, "Too many files are being uploaded. Try again in a moment.", context.Cause(ctx))
	}
	return g.uploadToServer(ctx, owner, f, content)
}

// keepFile has the gateway keep a file of a user itself.
func (g *Gateway) keepFile(ctx context.Context, owner transports.Address, f transports.File, content io.ReaderAt) (link string, err error) {
	done, err := g.writing(ctx, owner)
	if err != nil {
		return "", err
	}
	defer done()
	return g.uploads.opt.Files.Keep(ctx, g.userID(owner), f, io.NewSectionReader(content, 0, f.Size))
}

// tryAgain is an error of a try that another one may not meet.
type tryAgain struct {
	err   *transports.Error
	after time.Duration // at least
}

func (e tryAgain) Error() string { return e.err.Error() }
func (e tryAgain) Unwrap() error { return e.err }

// uploadToServer uploads to a service of the owner's server.
func (g *Gateway) uploadToServer(ctx context.Context, owner transports.Address, f transports.File, content io.ReaderAt) (string, error) {
	services, err := g.uploadServices(ctx, owner.Domain)
	if err != nil {
		return "", err
	}
	if len(services) == 0 {
		return "", transports.NewError(transports.Unsupported, "Your XMPP server has no place for uploads.", nil)
	}
	var service *uploadService
	for i := range services {
		if s := &services[i]; s.maxSize == 0 || f.Size <= s.maxSize {
			service = s
			break
		}
	}
	if service == nil {
		return "", tooLargeForServer(services[0].maxSize)
	}
	wait := g.uploads.opt.FirstWait
	for try := 1; ; try++ {
		link, err := g.uploadOnce(ctx, owner, service, f, content)
		again, ok := errors.AsType[tryAgain](err)
		if err == nil || !ok || try == uploadTries || again.after > maxUploadWait {
			return link, err
		}
		timer := time.NewTimer(max(wait, again.after))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", err
		}
		wait *= 2
	}
}

func tooLargeForServer(limit int64) *transports.Error {
	return transports.Errorf(transports.TooLarge, "Your XMPP server takes no uploads larger than %s.", transports.FormatSize(limit))
}

// uploadOnce asks for a slot and fills it. A slot is good for one try (XEP-0363 §6).
func (g *Gateway) uploadOnce(ctx context.Context, owner transports.Address, service *uploadService, f transports.File, content io.ReaderAt) (string, error) {
	s, err := g.requestSlot(ctx, service.jid, f)
	if err != nil {
		return "", err
	}
	client := g.uploads.outside
	if g.uploads.own(owner.Domain, service.jid) {
		client = g.uploads.inside
	} else if !strings.HasPrefix(s.put, "https:") || !strings.HasPrefix(s.get, "https:") {
		// XEP-0363 §4: "The host MUST provide Transport Layer Security".
		return "", transports.NewError(transports.Unsupported, "Your XMPP server takes uploads without encryption only.", nil)
	}
	header := s.header
	if f.Type != "" {
		header.Set("Content-Type", f.Type)
	}
	err = client.Put(ctx, s.put, header, io.NewSectionReader(content, 0, f.Size), f.Size)
	if err == nil {
		return s.get, nil
	}
	const text = "Your XMPP server did not take the upload."
	if e, ok := errors.AsType[*safehttp.Error](err); ok && e.Temporary() {
		return "", tryAgain{transports.NewError(transports.Offline, text, err), e.RetryAfter}
	}
	return "", transports.NewError(transports.Denied, text, err)
}

// slot is what a service gives: where to write, with which headers, and where to read.
type slot struct {
	put, get string
	header   http.Header
}

// requestSlot asks for a slot in the gateway's own name (XEP-0363 §4).
func (g *Gateway) requestSlot(ctx context.Context, service transports.Address, f transports.File) (*slot, error) {
	var s *slot
	err := g.ask(ctx, "get", g.domain, service, slotTimeout, func(b *stanza.Builder) {
		b.StartNS("request", nsUpload).Attr("filename", f.Name).Attr("size", fmt.Sprint(f.Size)).Attr("content-type", f.Type).End()
	}, func(iq *stanza.Element) { s = readSlot(iq.Child(nsUpload, "slot")) })
	if refusal, ok := errors.AsType[*iqError](err); ok {
		return nil, slotRefused(refusal)
	}
	switch {
	case err != nil:
		return nil, tryAgain{transports.NewError(transports.Offline, "Your XMPP server does not answer where uploads go.", err), 0}
	case s == nil:
		return nil, transports.NewError(transports.Unsupported, "Your XMPP server's place for uploads cannot be used.", nil)
	}
	return s, nil
}

// slotHeaders are the headers that a service may have sent along (XEP-0363 §4): others are ignored.
var slotHeaders = [...]string{"Authorization", "Cookie", "Expires"}

// readSlot reads a slot, nil where it is not one that can be used.
func readSlot(e *stanza.Element) *slot {
	s := &slot{put: e.Child(nsUpload, "put").Attr("url"), get: e.Child(nsUpload, "get").Attr("url"), header: make(http.Header)}
	if s.put == "" || !shareable(s.get) {
		return nil
	}
	for h := range e.Child(nsUpload, "put").Children() {
		if !h.Is(nsUpload, "header") {
			continue
		}
		// XEP-0363 §8: line ends are taken out. RFC 9110 §5.5 allows no other control characters either.
		value := strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, h.Text()))
		for _, name := range slotHeaders {
			if strings.EqualFold(strings.TrimSpace(h.Attr("name")), name) && len(value) <= maxHeader {
				s.header.Set(name, value)
			}
		}
	}
	return s
}

// shareable reports whether a link can be shown to people of other networks: a word that begins like a link of the web.
func shareable(link string) bool {
	return len(link) <= maxLink && (strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://")) &&
		!strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\u00a0' || r == '\u2028' || r == '\u2029' })
}

// slotRefused says in words why there is no slot (XEP-0363 §5).
func slotRefused(e *iqError) error {
	switch {
	case e.maxSize > 0:
		return tooLargeForServer(e.maxSize)
	case e.condition == "resource-constraint" && !e.retry.IsZero():
		return transports.NewError(transports.Full,
			"Your XMPP server takes no more uploads from this gateway until "+e.retry.UTC().Format("2006-01-02 15:04 MST")+".", e)
	case e.condition == "resource-constraint":
		return transports.NewError(transports.Full, "Your XMPP server takes no more uploads from this gateway for now.", e)
	case e.typ == "wait":
		return tryAgain{transports.NewError(transports.Offline, "Your XMPP server cannot take uploads at the moment.", e), 0}
	case e.condition == "not-acceptable":
		return transports.NewError(transports.TooLarge, "Your XMPP server does not take uploads of this size or kind.", e)
	}
	return transports.NewError(transports.Denied, "Your XMPP server takes no uploads from this gateway; its operator can allow it.", e)
}
