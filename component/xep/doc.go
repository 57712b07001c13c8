// Package xep is the list of the XMPP extensions that the gateway handles, and the description of the project that is made from it
// (doap.xml at the top of the repository).
//
// It is in charge of one list that people, discovery and the scenarios agree with: tests here and in package component compare them.
// It is not in charge of doing anything about an extension; that is in component and below.
//
// Documents: XEP-0453 0.1.1 for doap.xml.
package xep
