// Package picture is in charge of making pictures of strangers into small ones of ours: without what else was in the file (where it was taken, or
// something that harms who looks at it), and in a format that everybody shows.
//
// It is not in charge of where they come from, nor of keeping them. Documents: Exif 2.32 §4.6.4 (which way is up).
package picture
