// Package transports is the waist between XMPP and the networks: plain data and two small interfaces.
//
// It is in charge of the words that both sides share: addresses, targets, requests (down), events (up), typed errors and
// commands. It knows no stanza and no protocol of any network; package component turns stanzas into requests and events into
// stanzas, a bridge turns requests into its network's protocol and what the network says into events.
//
// Down, a request is accepted or refused at once and never waits for the network. Up, what became of it and everything else
// arrives as events, in the network's order, carrying the request's Ref where they answer one.
//
// The shapes were drawn from traces of whole conversations, which component/traces_test.go plays.
package transports
