// Package lane is in charge of the order of what is done for somebody beside the stream of his stanzas: one thing after the other, within bounds, and
// without a goroutine while nothing waits. It is not in charge of what is done.
package lane
