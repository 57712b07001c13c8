// Package jobs is in charge of doing what is to be done towards other networks and outlives a crash: it tries jobs, again and again with
// growing pauses, until they are done or have expired, and has whoever added them told in the transaction that writes it down.
//
// Jobs wait in lanes, one behind the other; lanes lead to sites, which are tried by a few lanes at a time and left alone while they are away.
// What a job is, is its kind's business: this package knows neither networks nor people. The tables are in package store.
//
// A job may be done twice, where a crash comes between its end and the commit that notes it, so whoever does it gives it a name that its
// network knows it by.
package jobs
