// Package operator is in charge of what the operator's command line and the running process say to each other: JSON over HTTP on a
// socket that root and the process's own user may use.
//
// It is not in charge of what the commands do, nor of the listener.
package operator
