package text

// frenchFollow are the texts of package component about learning of what users get elsewhere.
var frenchFollow = map[string]string{
	"What is said in a room can only be answered there: you are not in it from here.":                                         "À ce qui est dit dans un salon on ne peut répondre que là : vous n'y êtes pas d'ici.",
	"Your server does not let this gateway write for you.":                                                                    "Votre serveur ne permet pas à cette passerelle d'écrire pour vous.",
	"You have told your server that this gateway is to get nothing of you.":                                                   "Vous avez dit à votre serveur que cette passerelle ne doit rien recevoir de vous.",
	"You have told your server that this gateway is to get nothing of you. Allow it there first.":                             "Vous avez dit à votre serveur que cette passerelle ne doit rien recevoir de vous. Permettez-le d'abord là-bas.",
	"Your messages cannot be learnt of in this way.":                                                                          "De cette manière, vos messages ne peuvent pas être connus.",
	"Your XMPP server does not answer at the moment.":                                                                         "Votre serveur XMPP ne répond pas en ce moment.",
	"%s (%s) answers by email:":                                                                                               "%s (%s) répond par courriel :",
	"Your server does not let this gateway have pushes of yours any more.":                                                    "Votre serveur ne permet plus à cette passerelle de recevoir vos notifications.",
	"Your server's module for this gateway is not there any more.":                                                            "Le module de votre serveur pour cette passerelle n'est plus là.",
	"Your server says as much of each message as its administrator lets it, which may be that one came and nothing else.":     "Votre serveur dit de chaque message ce que son administrateur lui permet, peut-être seulement qu'il est arrivé.",
	"To learn of what you publish.":                                                                                           "Pour connaître ce que vous publiez.",
	"Your server does not show this gateway what you publish. Let it see your presence: your client asks you whether it may.": "Votre serveur ne montre pas à cette passerelle ce que vous publiez. Laissez-la voir votre présence : votre client vous le demande.",
	"Your server does not keep what you publish.":                                                                             "Votre serveur ne garde pas ce que vous publiez.",
}
