// Package realservers is in charge of private servers for tests and demonstrations: the XMPP servers Prosody 0.12 and ejabberd
// 23.01, the IRC servers ngIRCd 26 and InspIRCd 3, and the services Atheme 7.2 for the latter, each a process of its own on
// loopback ports that nobody uses, with its files in a folder of its own. They run as root or as anybody else, and they end with
// the process that started them, however it ends.
//
// It is not in charge of installing them; Packages says what that takes. Package realtest wraps it for tests.
package realservers
