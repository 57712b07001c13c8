// Package postal is in charge of the sessions of networks that store and forward (transports.Postal): it has what users want written down, in order,
// and says what became of it. What is written down, and how, is the business of whoever has the Desk.
package postal
