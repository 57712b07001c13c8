package text

// frenchDoctor are the texts of the command doctor of package component.
var frenchDoctor = map[string]string{
	"What is well and what is not": "Ce qui va et ce qui ne va pas",
	"Nothing was looked at.":       "Rien n'a été examiné.",
	"What was found":               "Ce qui a été trouvé",
	"What to do about it":          "Ce qu'il faut faire",

	"there is no connection to the XMPP server %s":                                             "il n'y a pas de connexion au serveur XMPP %s",
	"wait: it is being tried":                                                                  "attendre : un essai est en cours",
	"the XMPP server %s does not bring what the gateway sends to itself":                       "le serveur XMPP %s ne transmet pas ce que la passerelle s'envoie à elle-même",
	"look into its log, and restart it":                                                        "lire son journal et le redémarrer",
	"connected to the XMPP server %s":                                                          "connecté au serveur XMPP %s",
	"the XMPP server knows no domain %s, of which the users of this gateway are thought to be": "le serveur XMPP ne connaît pas de domaine %s, dont les personnes de cette passerelle devraient être",
	"name the domains of your users: own_domains in the table [files] of the configuration":    "nommer les domaines de vos utilisateurs : own_domains dans la table [files] de la configuration",
	"a server that does not say what it is":                                                    "un serveur qui ne dit pas ce qu'il est",
	"the users are those of %s: %s":                                                            "les personnes sont celles de %s : %s",

	"contact lists: who registers has to add the gateway to his contacts himself":                                      "listes de contacts : qui s'inscrit doit ajouter lui-même la passerelle à ses contacts",
	"feeds: users have to let the gateway see their presence, and what they post by message is not in their own feeds": "flux : chacun doit laisser la passerelle voir sa présence, et ce qu'il publie par message n'est pas dans son propre flux",
	"bookmarks: rooms that users ask the bot for come as invitations and links":                                        "marque-pages : les salons demandés au robot arrivent comme invitations et liens",
	"messages: what users write with IRC clients of their own is not in their XMPP clients":                            "messages : ce que l'on écrit avec ses propres clients IRC n'est pas dans ses clients XMPP",
	"%s lets the gateway do for its users what it needs (XEP-0356)":                                                    "%s permet à la passerelle ce qu'il lui faut pour ses utilisateurs (XEP-0356)",
	"%s does not let the gateway everything (XEP-0356). Without %s":                                                    "%s ne permet pas tout à la passerelle (XEP-0356). Ce qui manque — %s",
	"leave it at that with ejabberd %s: mod_privilege of versions before 25.03 has faults":                             "en rester là avec ejabberd %s : mod_privilege des versions avant 25.03 a des défauts",
	"in ejabberd, set up mod_privilege for %s as deploy/ejabberd.yml shows; then restart ejabberd":                     "dans ejabberd, régler mod_privilege pour %s comme le montre deploy/ejabberd.yml, puis redémarrer ejabberd",
	"let it in the configuration of the XMPP server":                                                                   "le permettre dans la configuration du serveur XMPP",
	"files for users go to %s":                                 "les fichiers pour les utilisateurs vont à %s",
	"%s has no upload service: the gateway keeps files itself": "%s n'a pas de service d'envoi de fichiers : la passerelle les garde elle-même",
	"%s has no upload service that is shown to the gateway, and the gateway keeps no files itself: long messages go out line by line, and files do not come": "%s n'a pas de service d'envoi de fichiers que la passerelle voie, et elle n'en garde pas elle-même : les longs messages partent ligne par ligne, et les fichiers n'arrivent pas",
	"load http_file_share (Prosody) or mod_http_upload (ejabberd), or set listen and public_url in the table [web] of the configuration":                     "charger http_file_share (Prosody) ou mod_http_upload (ejabberd), ou régler listen et public_url dans la table [web] de la configuration",
	"in Prosody (Debian: prosody-modules), write modules_enabled = { \"privilege\" } in VirtualHost \"%[1]s\" and in Component \"%[2]s\", and in the former " +
		"privileged_entities = { [\"%[2]s\"] = { %[3]s } }; then restart Prosody": "dans Prosody (Debian : prosody-modules), écrire modules_enabled = { \"privilege\" } dans VirtualHost \"%[1]s\" et dans Component \"%[2]s\", et dans le premier " +
		"privileged_entities = { [\"%[2]s\"] = { %[3]s } } ; puis redémarrer Prosody",
}
