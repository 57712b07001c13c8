package component

import (
	"testing"
	"time"

	"passerelle/transports"
)

func TestConnectionInfo(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 26, 2, 20, 22, 0, time.UTC)
	rooms := []occupiedRoom{{id: "#go", nick: "al", clients: []string{"home", "phone"}}, {id: "#two", clients: []string{"home"}}}
	link := transports.Link{Address: "192.0.2.1:6697", TLS: "TLS 1.3, X", Fingerprint: "ab12", Since: since}
	plain := transports.Link{Address: "[2001:db8::1]:6667", Since: since}
	for _, tc := range []struct {
		c    connection
		lang string
		want string
	}{
		{connection{network: "irc.a", online: true, nick: "al", link: link, rooms: rooms}, "en", `Connected to IRC server irc.a on port 6697 (using TLS) since 2026-11-26 02:20:22 UTC (1m10s ago).
Your nick there is al; the server's address is 192.0.2.1:6697.
TLS 1.3, X; SHA-256 fingerprint of the certificate: ab12.
#go from 2 resources: home phone
#two from 1 resource: home`},
		{connection{network: "irc.a", online: true, nick: "al", link: plain}, "fr", `Connecté au serveur IRC irc.a sur le port 6667 depuis 2026-11-26 02:20:22 UTC (il y a 1m10s).
Votre pseudo y est al ; l'adresse du serveur est [2001:db8::1]:6667.
La connexion n'est pas chiffrée.`},
		{connection{network: "irc.a", why: "irc.a does not answer."}, "en", "You are not connected to the IRC server irc.a. irc.a does not answer."},
		{connection{network: "irc.a"}, "fr", "Vous n'êtes pas connecté au serveur IRC irc.a. La connexion est en cours."},
	} {
		if got := tc.c.info(tc.lang, since.Add(70*time.Second)); got != tc.want {
			t.Errorf("got\n%s\nwant\n%s", got, tc.want)
		}
	}
}
