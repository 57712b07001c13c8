// Package biboumi is in charge of taking over what biboumi, another gateway to IRC, leaves behind: its configuration file, which becomes
// one of ours, and its database, whose settings, contacts and archives are written into ours. It knows both sides, and runs while
// neither gateway does. It does not change anything of biboumi's.
//
// Documents: the administrator's and the user's documentation of biboumi 9.0, and the schema that it makes.
package biboumi
