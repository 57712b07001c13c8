// Package postaltest is the rig of the tests of networks that store and forward: a time that stands still, jobs that are done, and the side of XMPP
// where letters arrive. It is not in charge of any network.
package postaltest
