// Package identd is in charge of answering IRC networks that ask whose a connection is: the protocol of RFC 1413, as servers speak it
// today. It tells a token that it was given, and that only to the other end of the connection; it knows neither users nor IRC.
package identd
