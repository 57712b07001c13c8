package component

import "strings"

// meaning is what a word in chat stands for, whatever language it is in.
type meaning uint8

const (
	meansNothing meaning = iota // a value, the name of a command, or nonsense
	meansHelp
	meansHello
	meansMore
	meansBack
	meansCancel
	meansOK
	meansYes
	meansNo
	meansVersion
	meansLink
)

// chatWord is a word of chat. One that belongs to a language says that its writer reads that.
type chatWord struct {
	means   meaning
	command string // the name of a command that it stands for
	lang    string // empty where it is a word of English, or of several
}

// readWord reads the first word of what somebody wrote. Case does not matter.
func readWord(word string) chatWord {
	switch strings.ToLower(strings.Trim(word, ".,!?“”«»\"'")) {
	case "":
		if strings.Contains(word, "?") {
			return chatWord{means: meansHelp}
		}
	case "help":
		return chatWord{means: meansHelp}
	case "aide":
		return chatWord{means: meansHelp, lang: "fr"}
	case "hi", "hello", "hey", "menu", "start":
		return chatWord{means: meansHello}
	case "bonjour", "bonsoir", "salut":
		return chatWord{means: meansHello, lang: "fr"}
	case "more", "next":
		return chatWord{means: meansMore}
	case "suite", "plus", "suivant":
		return chatWord{means: meansMore, lang: "fr"}
	case "back", "prev", "previous":
		return chatWord{means: meansBack}
	case "retour", "précédent":
		return chatWord{means: meansBack, lang: "fr"}
	case "cancel", "stop":
		return chatWord{means: meansCancel}
	case "annuler", "annule":
		return chatWord{means: meansCancel, lang: "fr"}
	case "ok", "okay", "done", "save":
		return chatWord{means: meansOK}
	case "d'accord", "d’accord", "valider", "enregistrer":
		return chatWord{means: meansOK, lang: "fr"}
	case "yes", "y":
		return chatWord{means: meansYes}
	case "oui":
		return chatWord{means: meansYes, lang: "fr"}
	case "no", "n":
		return chatWord{means: meansNo}
	case "non":
		return chatWord{means: meansNo, lang: "fr"}
	case "link":
		return chatWord{means: meansLink}
	case "lien":
		return chatWord{means: meansLink, lang: "fr"}
	case "version":
		return chatWord{means: meansVersion}
	case "enter":
		return chatWord{command: "join"}
	case "rejoindre", "rejoins", "entrer", "entre":
		return chatWord{command: "join", lang: "fr"}
	case "part":
		return chatWord{command: "leave"}
	case "quitter", "quitte", "sortir":
		return chatWord{command: "leave", lang: "fr"}
	case "search", "find", "list":
		return chatWord{command: "channels"}
	case "canaux", "chercher", "cherche", "trouver", "liste":
		return chatWord{command: "channels", lang: "fr"}
	case "rooms", "networks", "connections":
		return chatWord{command: "status"}
	case "état", "etat", "statut", "salons", "réseaux", "connexions":
		return chatWord{command: "status", lang: "fr"}
	case "connexion":
		return chatWord{command: "login", lang: "fr"}
	case "config", "settings":
		return chatWord{command: "configure"}
	case "configurer", "réglages", "paramètres":
		return chatWord{command: "configure", lang: "fr"}
	case "disconnect":
		return chatWord{command: "disconnect-from-irc-server"}
	case "déconnecter", "deconnecter", "déconnexion":
		return chatWord{command: "disconnect-from-irc-server", lang: "fr"}
	case "recharger", "relire":
		return chatWord{command: "reload", lang: "fr"}
	case "utilisateurs":
		return chatWord{command: "users", lang: "fr"}
	case "utilisateur":
		return chatWord{command: "user", lang: "fr"}
	case "supprimer":
		return chatWord{command: "remove-user", lang: "fr"}
	case "exporter":
		return chatWord{command: "export", lang: "fr"}
	case "oublier", "oublie", "oubliez":
		return chatWord{command: "forget", lang: "fr"}
	case "oubliez-moi", "oublie-moi":
		return chatWord{command: "forget-me", lang: "fr"}
	}
	return chatWord{}
}

// saysPassword reports whether words say a password to the services of a network, as people have learnt it elsewhere, or just say one.
func saysPassword(words []string) bool {
	for i, word := range words[:min(len(words), 3)] {
		switch strings.ToLower(strings.TrimLeft(word, "/")) {
		case "identify", "nickserv", "ns", "register", "sidentify":
			return len(words) > i+1
		case "msg", "privmsg", "query", "quote", "raw":
		default:
			return namesPassword(words)
		}
	}
	return namesPassword(words)
}

// namesPassword reports whether somebody begins with that he is about to say a password, whatever the field is called.
func namesPassword(words []string) bool {
	said := strings.ToLower(strings.Join(words, " "))
	for _, name := range []string{"password", "passwd", "pass ", "mot de passe", "mdp"} {
		if strings.HasPrefix(said, name) {
			return true
		}
	}
	return false
}
