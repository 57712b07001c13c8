// Package benchrig is what the programs have in common that measure gateways: their frame, the folder and the processes that are measured, an
// XMPP server that does as little as it can, and processor time. It is not in charge of judging.
package benchrig
