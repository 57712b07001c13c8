// Package activity has the words of the social web, as they are the same on each of its wires: actors, what they publish, and what they do to it.
//
// It says whose an id is, and does nothing: packages that read and write a wire format make these of it, and the social core knows nothing else. Everything in it came
// from a stranger unless it says otherwise: texts are not cleaned, and URIs are not checked beyond their being http or https.
package activity
