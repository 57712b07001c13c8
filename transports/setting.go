package transports

import "cmp"

// Setting is something that users set for themselves on the domain, on a network or in a room.
type Setting struct {
	Field  Field  // how it is asked for; its values are the default, which is not kept
	Kept   string // the name that it is kept under, where that is not the field's
	Forget Field  // clears a secret that is set, since an empty one leaves it
}

// Name is what it is kept under.
func (s *Setting) Name() string { return cmp.Or(s.Kept, s.Field.Name) }

// Scope is where the settings of a user on a target are kept; local is the target as its transport formats it.
func Scope(kind TargetKind, local string) string {
	switch kind {
	case TargetNetwork:
		return "network:" + local
	case TargetRoom:
		return "room:" + local
	default:
		return "gateway"
	}
}
