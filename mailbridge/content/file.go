package content

import (
	"bytes"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// maxOutlined is how large a file is, as it is encoded, that Limits.Outline has decoded, in bytes.
const maxOutlined = 64 << 10

// maxFileName bounds names of files, in bytes: file systems take 255.
const maxFileName = 150

// extensions of files whose senders gave no name, and types of files whose senders gave no type.
var extensions = map[string]string{
	"text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "application/ics": ".ics", "text/vcard": ".vcf", "text/x-vcard": ".vcf", "text/directory": ".vcf", "text/csv": ".csv", "text/markdown": ".md",
	"message/rfc822": ".eml", "message/global": ".eml", "application/pdf": ".pdf", "application/zip": ".zip", "application/gzip": ".gz", "application/json": ".json", "application/xml": ".xml", "text/xml": ".xml",
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/heic": ".heic", "image/svg+xml": ".svg", "image/tiff": ".tif", "image/bmp": ".bmp",
	"audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/mp4": ".m4a", "audio/wav": ".wav", "audio/x-wav": ".wav", "audio/amr": ".amr", "video/mp4": ".mp4", "video/quicktime": ".mov", "video/webm": ".webm", "video/3gpp": ".3gp",
	"application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m", "application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s", "application/pgp-signature": ".asc", "application/pgp-encrypted": ".asc", "application/pgp-keys": ".asc",
	"application/ms-tnef": ".dat", "application/vnd.ms-tnef": ".dat", "application/msword": ".doc", "application/vnd.ms-excel": ".xls", "application/vnd.ms-powerpoint": ".ppt", "application/rtf": ".rtf", "text/rtf": ".rtf",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
	"application/vnd.oasis.opendocument.text":                                   ".odt", "application/vnd.oasis.opendocument.spreadsheet": ".ods", "application/vnd.oasis.opendocument.presentation": ".odp",
	"application/epub+zip": ".epub", "application/x-7z-compressed": ".7z", "application/x-tar": ".tar", "text/x-patch": ".patch", "text/x-diff": ".diff",
}

// typeOf is the type of a file by its name; empty where that says nothing.
func typeOf(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if ext == "" {
		return ""
	}
	switch ext { // several types have one, and what browsers run is not guessed
	case ".jpeg":
		return "image/jpeg"
	case ".ics":
		return "text/calendar"
	case ".vcf":
		return "text/vcard"
	case ".eml":
		return "message/rfc822"
	case ".xml":
		return "application/xml"
	case ".wav":
		return "audio/wav"
	case ".asc", ".dat", ".html", ".svg", ".p7m", ".p7s":
		return ""
	}
	for typ, e := range extensions {
		if e == ext {
			return typ
		}
	}
	return ""
}

// sniff is the type of a file whose sender says none. What browsers would run is never guessed.
func sniff(typ, name string, data []byte) string {
	switch typ {
	case octets, "application/unknown", "application/x-unknown", "application/binary", "application/download", "application/force-download", "application/x-download", "application/x-octet-stream", "binary/octet-stream", "image/*", "application/*":
	default:
		return typ
	}
	found, _, _ := strings.Cut(http.DetectContentType(data), ";")
	switch found {
	case octets, "application/zip", "text/plain", "text/xml", "text/html":
		if t := typeOf(name); t != "" {
			return t
		}
		if found != "text/plain" && found != "application/zip" || path.Ext(name) != "" && path.Ext(name) != name {
			return octets
		}
	}
	return found
}

// attach makes a file of a part, of all of them where it has parts. Within related ones it is a picture of the text.
func (r *reader) attach(p *part, related bool) {
	if p.typ == "multipart/alternative" || p.typ == "multipart/related" || p.typ == "multipart/mixed" || p.parts != nil {
		for _, c := range p.parts {
			r.attach(c, related)
		}
		return
	}
	data := p.body
	if !r.limits.Outline || len(p.body) <= maxOutlined {
		data = r.data(p)
	}
	id := ""
	if ids := readIDs(p.header.get("Content-ID"), 1); len(ids) > 0 {
		id = ids[0]
	}
	f := Part{Name: safeName(p.name), Type: p.typ, Charset: cleanLine(cut(p.params["charset"], 60)), Data: data, ID: id}
	f.Type = sniff(f.Type, f.Name, data)
	picture := strings.HasPrefix(f.Type, "image/")
	f.Inline = picture && p.disposition != "attachment" && (related || id != "") || p.disposition == "inline" && picture
	switch {
	case len(data) == 0 && p.name == "", p.typ == "application/applefile": // what a Mac keeps beside a file (RFC 1740)
		return
	case f.Inline && (related || id != "") && len(data) < minInline:
		return
	}
	switch f.Type {
	case "application/pkcs7-mime", "application/x-pkcs7-mime": // RFC 8551 §3.2
		switch strings.ToLower(p.params["smime-type"]) {
		case "signed-data", "certs-only", "compressed-data":
		default:
			r.m.Encrypted = "S/MIME"
		}
	case "message/rfc822", "message/global":
		if f.Name == "" {
			if h, _, err := readHeader(data, r.limits.Header, r.limits.Fields, true); err == nil {
				f.Name = safeName(cut(strings.NewReplacer("/", "-", `\`, "-").Replace(decodeWords(h.get("Subject"))), maxFileName-4))
				if f.Name != "" {
					f.Name += ".eml"
				}
			}
		}
	}
	if f.Name == "" {
		f.Name = defaultName(f.Type)
	} else if path.Ext(f.Name) == "" && extensions[f.Type] != "" {
		f.Name += extensions[f.Type]
	}
	r.file(f)
}

// file adds a file, under a name that no other has. What is there already is not added again, as invitations often are.
func (r *reader) file(f Part) {
	for _, other := range r.m.Files {
		if other.Type == f.Type && bytes.Equal(other.Data, f.Data) || f.Type == "application/ics" && bytes.Equal(other.Data, f.Data) {
			return
		}
	}
	ext := path.Ext(f.Name)
	stem := strings.TrimSuffix(f.Name, ext)
	for n := 2; n <= len(r.m.Files)+1 && r.named(f.Name); n++ {
		f.Name = stem + " (" + strconv.Itoa(n) + ")" + ext
	}
	r.m.Files = append(r.m.Files, f)
}

func (r *reader) named(name string) bool {
	for _, f := range r.m.Files {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

func defaultName(typ string) string {
	ext := extensions[typ]
	switch {
	case ext == ".ics":
		return "invitation.ics"
	case ext == ".vcf":
		return "contact.vcf"
	case ext == ".eml" || typ == "text/plain" || typ == "text/html":
		return "message" + ext
	case ext == ".p7m":
		return "smime.p7m"
	case ext == ".p7s":
		return "smime.p7s"
	case typ == "application/ms-tnef" || typ == "application/vnd.ms-tnef":
		return "winmail.dat"
	case ext == "":
		ext = ".bin"
	}
	main, _, _ := strings.Cut(typ, "/")
	switch main {
	case "image", "audio", "video":
		return main + ext
	}
	return "attachment" + ext
}

// safeName makes the name of a file of what its sender says: the last part of a path, without controls, signs that reorder text, and what
// systems take for something else. It is empty where nothing is left.
func safeName(s string) string {
	s = decodeWords(s)
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		case r == 0x200b || r == 0xfeff || r == 0x2060 || r == 0xad || unicode.Is(unicode.Cf, r) && r != 0x200d && r != 0x200c || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	s = strings.Trim(s, ". ")
	if len(s) > maxFileName {
		ext := path.Ext(s)
		if len(ext) > 20 {
			ext = ""
		}
		s = strings.TrimRight(cut(strings.TrimSuffix(s, ext), maxFileName-len(ext)), ". ") + ext
	}
	stem, _, _ := strings.Cut(strings.ToUpper(s), ".")
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "LPT1", "LPT2", "LPT3":
		s = "_" + s
	}
	return s
}

// withHeader is a part that becomes a file as it came.
func withHeader(p *part) []byte {
	var b bytes.Buffer
	for _, f := range p.header {
		b.WriteString(f.name)
		b.WriteByte(':')
		b.Write(f.value)
	}
	b.WriteString("\r\n")
	b.Write(p.body)
	return b.Bytes()
}
