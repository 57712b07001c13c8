// Package webpage is in charge of what pages for people have in common: markup with everything else escaped, the policy under which a page has
// its own style and no scripts, and the language that a browser likes best.
//
// It is not in charge of what is on a page, nor of the listener.
package webpage
