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
	link := transports.Link{Address: "93.184.215.14:6697", TLS: "TLS 1.3, X", Fingerprint: "ab12", Since: since}
	plain := transports.Link{Address: "[2a00:1450::1]:6667", Since: since}
	inside := transports.Link{Address: "10.0.0.7:6667", Since: since}
	for _, tc := range []struct {
		c     connection
		lang  string
		want  string
		admin bool
	}{
		{connection{network: "irc.a", online: true, nick: "al", link: link, rooms: rooms}, "en", `Connected to IRC server irc.a on port 6697 (using TLS) since 2026-11-26 02:20:22 UTC (1m10s ago).
Your nick there is al; the server's address is 93.184.215.14:6697.
TLS 1.3, X; SHA-256 fingerprint of the certificate: ab12.
#go from 2 resources: home phone
#two from 1 resource: home`, false},
		{connection{network: "irc.a", online: true, nick: "al", link: plain}, "fr", `Connecté au serveur IRC irc.a sur le port 6667 depuis 2026-11-26 02:20:22 UTC (il y a 1m10s).
Votre pseudo y est al ; l'adresse du serveur est [2a00:1450::1]:6667.
La connexion n'est pas chiffrée.`, false},
		{connection{network: "irc.a", online: true, nick: "al", link: inside}, "en", `Connected to IRC server irc.a on port 6667 since 2026-11-26 02:20:22 UTC (1m10s ago).
Your nick there is al.
The connection is not encrypted.`, false},
		{connection{network: "irc.a", online: true, nick: "al", link: inside}, "en", `Connected to IRC server irc.a on port 6667 since 2026-11-26 02:20:22 UTC (1m10s ago).
Your nick there is al; the server's address is 10.0.0.7:6667.
The connection is not encrypted.`, true},
		{connection{network: "irc.a", why: "irc.a does not answer."}, "en", "You are not connected to the IRC server irc.a. irc.a does not answer.", false},
		{connection{network: "irc.a"}, "fr", "Vous n'êtes pas connecté au serveur IRC irc.a. La connexion est en cours.", false},
	} {
		if got := tc.c.info(tc.lang, since.Add(70*time.Second), tc.admin); got != tc.want {
			t.Errorf("got\n%s\nwant\n%s", got, tc.want)
		}
	}
}
