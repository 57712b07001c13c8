package downgrade

import (
	"net/url"
	"path"
	"strconv"
	"strings"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// maxAttached is how many files one message may have for a network that carries files.
const maxAttached = 20

// Said is what the body of a message says, without what stands there for clients that know no replies and no files (XEP-0428 §2.2).
func Said(m *stanza.Element) string {
	body := m.Child(stanza.NSComponent, "body").Text()
	return withoutFallback(m, body, func(ns string) bool {
		switch ns {
		case NSReply:
			return m.Child(NSReply, "reply") != nil
		case NSSharing:
			return m.Child(NSSharing, "file-sharing") != nil
		case NSOOB:
			return m.Child(NSOOB, "x") != nil
		}
		return false
	})
}

// Attached separates the files of a message from what it says, for a network that carries files. An address that stands in the body for
// clients that know nothing else of files goes with them.
func Attached(m *stanza.Element, said string) (rest string, files []transports.Attachment, refused *transports.Error) {
	add := func(a transports.Attachment) {
		for i := range files {
			if f := &files[i]; f.URL == a.URL { // said in two ways, for clients that know only one of them
				if f.Description == "" {
					f.Description = a.Description
				}
				return
			}
		}
		files = append(files, a)
	}
	rest = said
	for e := range m.Children() {
		switch {
		case e.Is(NSSharing, "file-sharing"): // XEP-0447 §3.1
			link, secret := source(e.Child(NSSharing, "sources"))
			switch {
			case link == "" && secret:
				return "", nil, keyRefused()
			case link != "":
				add(attachment(link, e.Child(NSFile, "file")))
			case strings.TrimSpace(said) == "":
				return "", nil, notFetched()
			}
		case e.Is(NSOOB, "x"): // XEP-0066 §3
			link, desc := oneWord(e.Child(NSOOB, "url").Text()), words(e.Child(NSOOB, "desc").Text())
			switch {
			case link == "":
			case isWeb(link):
				a := attachment(link, nil)
				a.Description = desc
				add(a)
			case !strings.Contains(rest, link):
				rest = strings.TrimSpace(rest + "\n" + link)
			}
		}
		if len(files) > maxAttached {
			return "", nil, transports.NewError(transports.TooLarge, "So many files are too many for one message. Send some of them with another one.", nil)
		}
	}
	for _, f := range files {
		if strings.TrimSpace(rest) == f.URL {
			rest = ""
		}
	}
	return rest, files, nil
}

// attachment is a file as a message describes it (XEP-0446 §3); file may be nil.
func attachment(link string, file *stanza.Element) transports.Attachment {
	a := transports.Attachment{URL: link, Description: words(file.Child(NSFile, "desc").Text())}
	a.Name = cut(words(file.Child(NSFile, "name").Text()), maxFileName)
	if a.Name == "" {
		if u, err := url.Parse(link); err == nil {
			if base := path.Base(u.Path); base != "." && base != "/" {
				a.Name = cut(words(base), maxFileName)
			}
		}
	}
	if typ := oneWord(file.Child(NSFile, "media-type").Text()); len(typ) <= maxFileName {
		a.Type = typ
	}
	if size, err := strconv.ParseInt(oneWord(file.Child(NSFile, "size").Text()), 10, 64); err == nil && size > 0 {
		a.Size = size
	}
	return a
}

// isWeb reports whether an address is one that anybody can fetch.
func isWeb(link string) bool {
	lower := strings.ToLower(link)
	return strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://")
}

// HasKey refuses a message that shows the key of an encrypted file, wherever it stands in it; nil for every other one.
func HasKey(m *stanza.Element) *transports.Error {
	if holdsKey(m) {
		return keyRefused()
	}
	return nil
}

func holdsKey(e *stanza.Element) bool {
	if hasKey(e.Text()) || hasKey(e.Attr("target")) {
		return true
	}
	for c := range e.Children() {
		if holdsKey(c) {
			return true
		}
	}
	return false
}
