// Package clean is in charge of HTML between strangers and users: what somebody of the social web wrote becomes a piece of XHTML that can do no
// harm, and text with how it looks; what a user wrote becomes such HTML, in which names, hashtags and URLs are links.
//
// It is not in charge of where links lead: who renders what a user wrote says that.
package clean
