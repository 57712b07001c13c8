//go:build !linux

package main

// giveBackCode is for Linux alone; elsewhere the system decides itself.
func giveBackCode() error { return nil }
