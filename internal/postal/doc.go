// Package postal is in charge of what networks that store and forward (transports.Postal) have in common. Their sessions have what users want written
// down, in order, and say what became of it; what is kept no longer is forgotten. What is written down, and how, is the business of whoever has the
// Desk.
package postal
