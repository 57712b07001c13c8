package avatar

import (
	"sync"

	"passerelle/transports"
)

// Bounds of what is kept of the pictures of contacts.
const (
	maxFaceBytes = 8 << 20
	maxFaces     = 20_000
	maxPatterns  = 4096
)

// Faces are the pictures of contacts: those that they have, which are read once and kept ready, and else patterns. The zero value has none. Safe to
// call from any goroutine.
type Faces struct {
	mu       sync.Mutex
	read     map[transports.Target]*Avatar
	bytes    int
	changed  int                // how often one was
	patterns map[string]*Avatar // by Target.ID
}

// Known reports whether the picture of a contact was read.
func (f *Faces) Known(of transports.Target) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read[of] != nil
}

// Of is the picture of a contact, as far as it was read.
func (f *Faces) Of(of transports.Target) *Avatar {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.read[of]; a != nil {
		return a
	}
	return f.pattern(of)
}

// Read reads the picture of a contact, where it is not known. What clients cannot show is none.
func (f *Faces) Read(of transports.Target, picture func() ([]byte, error)) error {
	f.mu.Lock()
	changed, known := f.changed, f.read[of] != nil
	f.mu.Unlock()
	if known {
		return nil
	}
	data, err := picture()
	if err != nil {
		return err
	}
	i, err := Read(data)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case changed != f.changed: // perhaps this one, since it was read
	case err != nil:
		f.keep(of, f.pattern(of), 0)
	default:
		f.keep(of, New(i), len(data))
	}
	return nil
}

// Forget has a picture read anew.
func (f *Faces) Forget(of transports.Target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.read, of) // its bytes stay counted until all are forgotten
	f.changed++
}

// keep notes a picture. The caller holds mu.
func (f *Faces) keep(of transports.Target, a *Avatar, size int) {
	if f.read == nil || len(f.read) >= maxFaces || f.bytes+size > maxFaceBytes {
		f.read, f.bytes = make(map[transports.Target]*Avatar), 0
	}
	f.read[of] = a
	f.bytes += size
}

// pattern is the picture of a contact that has none, always the same. The caller holds mu.
func (f *Faces) pattern(of transports.Target) *Avatar {
	if a := f.patterns[of.ID]; a != nil {
		return a
	}
	a := New(identicon(of.ID))
	if f.patterns == nil || len(f.patterns) >= maxPatterns {
		f.patterns = make(map[string]*Avatar)
	}
	f.patterns[of.ID] = a
	return a
}
