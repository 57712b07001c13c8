package text

// frenchLogin are the texts about logging in to users' own accounts.
var frenchLogin = map[string]string{
	"This gateway keeps your password, sealed, and logs in as you for a moment when something comes. Nobody sees it.": "Cette passerelle conserve votre mot de passe, scellé, et se connecte un instant en votre nom lorsque quelque chose arrive. Personne ne le voit.",
	"Your password is needed for that.":                                                              "Votre mot de passe est nécessaire pour cela.",
	"Your server refuses the password.":                                                              "Votre serveur refuse le mot de passe.",
	"Your server cannot be found in the DNS.":                                                        "Votre serveur est introuvable dans le DNS.",
	"Your server answers what this gateway does not understand.":                                     "Votre serveur répond ce que cette passerelle ne comprend pas.",
	"Your server keeps no archive of messages that could be read.":                                   "Votre serveur ne conserve pas d’archive des messages qui puisse être lue.",
	"Your server cannot be logged in to without giving the password away, so this is not done.":      "On ne peut se connecter à votre serveur sans livrer le mot de passe ; cela n’est donc pas fait.",
	"Nobody vouches that it is really your server that answers there, so your password is not used.": "Personne ne garantit que c’est bien votre serveur qui répond là ; votre mot de passe n’est donc pas utilisé.",
	"Your server is at an address where the operator of this gateway lets nobody log in.":            "Votre serveur se trouve à une adresse où l’opérateur de cette passerelle ne laisse personne se connecter.",
}
