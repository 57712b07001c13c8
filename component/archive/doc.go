// Package archive decides which line of a channel's archive a session has just heard: one that another session heard before, or a
// new one. So what a hundred users of the gateway hear in one channel is stored once, and each may read exactly what he heard.
//
// It is without I/O: lines in, numbers out. It does not store anything, does not know what a line looks like as a stanza, and
// keeps no history; it remembers lines only as long as another session may still hear them. Lines for one user alone, such as
// status messages and private ones, are not its business and are never shared.
//
// Two sessions heard the same line
//
//   - where the msgid says so (IRCv3 message-ids);
//   - else where the server's time (IRCv3 server-time), nick and text are the same;
//   - else by order: all sessions hear a channel in the same order, so a line that is equal to one which the session has not heard
//     yet is that one. There is no window of time in which equal lines would be one: people repeat themselves.
//
// A line that is none of these is a line of its own. So a doubt costs a copy of a line and never shows somebody a line that he did
// not hear.
package archive
