package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// module is the module path; packages are named without it below, such as "component/muc".
const module = "passerelle"

// pkg is a package as go list -json prints it: the imports of its code apart from those of its tests.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// row of the import table: what the code of some packages may import of ours.
type row struct {
	pkgs []string
	may  []string
	why  string
}

// importTable is the table of docs/ARCHITECTURE.md: every package that is no program, test package or part of e2e has one row.
func importTable() []row {
	return []row{
		{
			pkgs: []string{"store", "config", "internal/doctor", "internal/identd", "internal/logging", "internal/safehttp", "internal/scram", "internal/text"},
			why:  "foundations depend on nothing of ours",
		},
		{
			pkgs: []string{"transports"},
			may:  []string{"store"},
			why:  "the waist is plain data, and store.Tx is the only thing it borrows",
		},
		{
			pkgs: []string{"component/xep"},
			why:  "a list of what there is depends on nothing of it",
		},
		{
			pkgs: []string{"component/stanza"},
			may:  []string{"transports"},
			why:  "the XML layer knows addresses and nothing of what stanzas mean",
		},
		{
			pkgs: []string{"internal/c2s"},
			may:  []string{"transports", "store", "internal/safehttp", "internal/scram", "component/stanza"},
			why:  "it speaks with servers of strangers, and does not know what for",
		},
		{
			pkgs: []string{"component/archive"},
			may:  []string{"transports"},
			why:  "which lines are the same is decided without I/O",
		},
		{
			pkgs: []string{"component/downgrade"},
			may:  []string{"transports", "component/stanza"},
			why:  "it reads one message and knows no room",
		},
		{
			pkgs: []string{"component/lane"},
			may:  []string{"transports"},
			why:  "what is done in a lane is somebody else's business",
		},
		{
			pkgs: []string{"component/markup"},
			may:  []string{"transports", "component/stanza"},
			why:  "how text looks is read of one message and written into one",
		},
		{
			pkgs: []string{"component/avatar"},
			may:  []string{"transports", "component/stanza", "internal/safehttp"},
			why:  "a picture is shown by whoever knows whose it is",
		},
		{
			pkgs: []string{"component/copies"},
			may:  []string{"transports", "component/downgrade", "component/markup", "component/stanza"},
			why:  "it reads messages that somebody hands to it",
		},
		{
			pkgs: []string{"component/microblog"},
			may:  []string{"transports", "component/downgrade", "component/stanza"},
			why:  "it reads and writes items that somebody hands to it",
		},
		{
			pkgs: []string{"component/muc"},
			may:  []string{"transports", "component/downgrade", "component/markup", "component/stanza"},
			why:  "a room is without I/O: events and stanzas in, stanzas out",
		},
		{
			pkgs: []string{"component"},
			may: []string{
				"transports", "store", "internal/c2s", "internal/export", "internal/files", "internal/logging", "internal/safehttp", "internal/text",
				"component/archive", "component/avatar", "component/copies", "component/downgrade", "component/lane", "component/markup", "component/microblog", "component/muc", "component/stanza", "component/xep",
			},
			why: "XMPP is written once for all networks, so it knows no network",
		},
		{
			pkgs: []string{"mailbridge/address"},
			why:  "names of mailboxes are read and written without anything else",
		},
		{
			pkgs: []string{"mailbridge/content", "mailbridge/compose"},
			may:  []string{"transports", "mailbridge/address"},
			why:  "mail is read and written without I/O",
		},
		{
			pkgs: []string{"mailbridge/redirect"},
			may:  []string{"transports", "internal/text"},
			why:  "what is mailed, when and how it reads is decided without I/O",
		},
		{
			pkgs: []string{"mailbridge/judge", "mailbridge/publish", "mailbridge/receive", "mailbridge/relay", "mailbridge/sign"},
			may: []string{
				"transports", "internal/logging", "internal/safehttp",
				"mailbridge/address", "mailbridge/judge", "mailbridge/sign",
			},
			why: "each speaks with other servers, and is handed what it needs of the database",
		},
		{
			pkgs: []string{"mailbridge"},
			may: []string{
				"transports", "store", "internal/jobs", "internal/logging", "internal/postal", "internal/safehttp", "internal/text",
				"mailbridge/address", "mailbridge/compose", "mailbridge/content", "mailbridge/judge",
				"mailbridge/publish", "mailbridge/receive", "mailbridge/redirect", "mailbridge/relay", "mailbridge/sign",
			},
			why: "a bridge knows its network and the waist, neither XMPP nor another bridge",
		},
		{
			pkgs: []string{"ircbridge"},
			may: []string{
				"transports", "store",
				"internal/jobs", "internal/logging", "internal/safehttp", "internal/scram", "internal/text",
			},
			why: "a bridge knows its network and the waist, neither XMPP nor another bridge",
		},
		{
			pkgs: []string{"socialbridge/activity"},
			why:  "words depend on nothing of ours",
		},
		{
			pkgs: []string{"socialbridge/clean"},
			may:  []string{"transports"},
			why:  "cleaning knows how text looks, and nothing else",
		},
		{
			pkgs: []string{"socialbridge/atom", "socialbridge/salmon", "socialbridge/webfinger"},
			may:  []string{"socialbridge/activity"},
			why:  "a format is read and written without I/O",
		},
		{
			pkgs: []string{"socialbridge/picture"},
			why:  "a picture is made of one without anything else",
		},
		{
			pkgs: []string{"socialbridge/pages"},
			may:  []string{"internal/text", "internal/webpage", "socialbridge/activity"},
			why:  "pages show what they are handed",
		},
		{
			pkgs: []string{"socialbridge"},
			may: []string{
				"transports", "store", "internal/jobs", "internal/logging", "internal/postal", "internal/safehttp", "internal/text",
				"socialbridge/activity", "socialbridge/clean", "socialbridge/pages", "socialbridge/picture",
			},
			why: "the social core knows no wire, so that another one can stand beside the first",
		},
		{
			pkgs: []string{"socialbridge/ostatus"},
			may: []string{
				"transports", "store", "internal/jobs", "internal/logging", "internal/safehttp", "socialbridge",
				"socialbridge/activity", "socialbridge/atom", "socialbridge/salmon", "socialbridge/webfinger",
			},
			why: "a wire asks the social core and is asked by it, and knows no XMPP",
		},
		{
			pkgs: []string{"internal/biboumi"},
			may:  []string{"transports", "store", "component", "component/stanza", "ircbridge"},
			why:  "it brings users from one gateway to another, and says in whose words",
		},
		{
			pkgs: []string{"internal/export"},
			may:  []string{"store", "component/stanza", "internal/text"},
			why:  "it writes what is kept about a user, and does not know who asks for it",
		},
		{
			pkgs: []string{"internal/onetime"},
			may:  []string{"transports", "store", "internal/export", "internal/text", "internal/webpage"},
			why:  "it shows forms on the web, whatever they are for",
		},
		{
			pkgs: []string{"internal/webpage"},
			may:  []string{"internal/text"},
			why:  "it writes pages, whatever is on them",
		},
		{
			pkgs: []string{"internal/postal"},
			may:  []string{"transports"},
			why:  "it hands requests on, whatever they are for",
		},
		{
			pkgs: []string{"internal/operator"},
			may:  []string{"transports"},
			why:  "it carries commands to whatever runs them",
		},
		{
			pkgs: []string{"internal/files"},
			may:  []string{"transports", "store"},
			why:  "it keeps bytes and tells users in the words of the waist why not",
		},
		{
			pkgs: []string{"internal/jobs", "internal/web"},
			may:  []string{"store"},
			why:  "those who use it hand in what it shall do",
		},
	}
}

// isProgram reports whether p is wiring: it may import every package that is not for tests, and nobody may import it.
func isProgram(p string) bool { return within(p, "cmd") }

// isForTests reports whether p exists for tests: it may import everything but programs, and only tests may import it.
func isForTests(p string) bool {
	return slices.ContainsFunc([]string{
		"e2e", "internal/archtest", "internal/dnstest", "internal/gnusocial", "internal/ircd", "internal/killtest", "internal/postaltest", "internal/realservers", "internal/xmpptest",
		"mailbridge/content/contenttest", "store/storetest", "transports/transporttest",
	}, func(root string) bool { return within(p, root) })
}

// owner says which packages may use a module of others. Programs and tests are free.
type owner struct {
	module string
	pkgs   []string
	why    string
}

func moduleOwners() []owner {
	return []owner{
		{"mellium.im", []string{"component", "internal/c2s"}, "XMPP is spoken by component alone, bridges never see a stanza"},
		{"github.com/lrstanley/girc", []string{"ircbridge"}, "IRC is spoken by ircbridge alone"},
		{"github.com/emersion/go-smtp", []string{"mailbridge"}, "SMTP is spoken by mailbridge alone"},
		{"github.com/emersion/go-imap", []string{"mailbridge"}, "IMAP is spoken by mailbridge alone"},
	}
}

// within reports whether p is root or lies under it.
func within(p, root string) bool {
	rest, ok := strings.CutPrefix(p, root)
	return ok && (rest == "" || rest[0] == '/')
}

// ours is the name of an import below the module path; ok is false for packages of others.
func ours(importPath string) (name string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// checkImports holds the packages against importTable and moduleOwners.
func checkImports(pkgs []pkg) []fault {
	var faults []fault
	for _, p := range pkgs {
		name, _ := ours(p.ImportPath)
		faults = append(faults, checkCode(name, p.Imports)...)
		faults = append(faults, checkTests(name, slices.Concat(p.TestImports, p.XTestImports))...)
	}
	return faults
}

// checkCode checks the imports of the files of a package that are not tests.
func checkCode(name string, imports []string) []fault {
	rows := importTable()
	i := slices.IndexFunc(rows, func(r row) bool { return slices.Contains(r.pkgs, name) })
	if i < 0 && !isProgram(name) && !isForTests(name) {
		return []fault{{
			where: name,
			rule:  "the package has no row in the import table",
			fix:   "put the code into a package that is there, or add a row here and in docs/ARCHITECTURE.md",
		}}
	}
	var faults []fault
	for _, path := range imports {
		imported, isOurs := ours(path)
		if !isOurs {
			faults = append(faults, checkOwner(name, path)...)
			continue
		}
		where := name + " -> " + imported
		switch {
		case isProgram(imported):
			faults = append(faults, fault{where, "a program under cmd is imported by nobody", "move what is needed into a package below it"})
		case isForTests(name):
			// Everything else is free to it.
		case isForTests(imported):
			faults = append(faults, fault{
				where, "a package for tests is imported by tests and e2e only",
				"move the import into a _test.go file, or the code that is needed out of the package for tests",
			})
		case !isProgram(name) && !slices.Contains(rows[i].may, imported):
			faults = append(faults, fault{
				where,
				fmt.Sprintf("%s may import %s of ours, because %s", name, list(rows[i].may), rows[i].why),
				"hand the thing in from cmd/passerelle, or change the row here and in docs/ARCHITECTURE.md in the same commit",
			})
		}
	}
	return faults
}

// checkTests checks the imports of a package's tests. An external test imports the package that it tests, programs too.
func checkTests(name string, imports []string) []fault {
	var faults []fault
	for _, path := range imports {
		if imported, isOurs := ours(path); isOurs && isProgram(imported) && imported != name {
			faults = append(faults, fault{
				name + " (test) -> " + imported, "a program under cmd is imported by nobody",
				"run the built program in the test, or move what is needed into a package below it",
			})
		}
	}
	return faults
}

// checkOwner checks an import of another module.
func checkOwner(name, path string) []fault {
	if isForTests(name) {
		return nil
	}
	if path == "text/template" || path == "html/template" {
		return []fault{{
			name + " -> " + path, "templates may name any exported method, so with them all methods of all packages stay in the program",
			"write it out, as internal/onetime does",
		}}
	}
	if isProgram(name) {
		return nil
	}
	for _, o := range moduleOwners() {
		isOwner := func(root string) bool { return within(name, root) }
		if within(path, o.module) && !slices.ContainsFunc(o.pkgs, isOwner) {
			return []fault{{
				name + " -> " + path,
				fmt.Sprintf("%s is for %s, because %s", o.module, list(o.pkgs), o.why),
				"say it in the words of package transports",
			}}
		}
	}
	return nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
