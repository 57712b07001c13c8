package export

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxName is how long a name may be beside its folder and what tells its kind, in bytes.
const maxName = 120

// names are those that the archive has, in lower case: some systems do not tell cases apart.
type names map[string]struct{}

// unique makes a name that any system takes, of what strangers chose, and that nothing else in the archive has.
func (n names) unique(folder, name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	if name = strings.Trim(name, " ."); name == "" {
		name = "_"
	}
	for i := 1; ; i++ {
		full := folder + name
		if i > 1 {
			full += " (" + strconv.Itoa(i) + ")"
		}
		if _, taken := n[strings.ToLower(full)]; !taken {
			n[strings.ToLower(full)] = struct{}{}
			return full
		}
	}
}

// FileName is what the archive of a user is called.
func FileName(jid string, at time.Time) string {
	return names{}.unique("", jid) + at.UTC().Format("-2006-01-02") + ".zip"
}
