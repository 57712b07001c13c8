package config

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // formats of avatars
	_ "image/png"

	_ "golang.org/x/image/webp"
)

// Limits of an avatar: it goes out whole to everybody who asks, and clients show it in a few millimetres (XEP-0084 §6.1 says 8 KiB,
// XEP-0153 §4 says 96 pixels; nobody keeps to either).
const (
	maxAvatar     = 64 << 10 // bytes
	maxAvatarSide = 1024     // pixels
)

// Image is a picture that was read from a file.
type Image struct {
	Data          []byte
	Type          string // such as "image/png"
	Width, Height int
}

// avatar reads the picture that a setting names, and checks that clients can show it.
func (r resolver) avatar(key string, path *string) Image {
	if !r.has(key) || !r.ok(key) {
		return Image{}
	}
	*path = r.path(*path)
	const fix = "name a PNG, JPEG or WebP file of at most 64 KiB and 1024 by 1024 pixels, or remove the line"
	data, _, err := readFile(*path, maxAvatar)
	if err != nil {
		r.add(key, fmt.Sprintf("%q cannot be read: %s", *path, reason(err)), fix)
		return Image{}
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case err != nil:
		r.add(key, fmt.Sprintf("%q is no picture that clients can show: %s", *path, err), fix)
	case c.Width < 1 || c.Height < 1 || c.Width > maxAvatarSide || c.Height > maxAvatarSide:
		r.add(key, fmt.Sprintf("%q has %d by %d pixels", *path, c.Width, c.Height), fix)
	default:
		return Image{Data: data, Type: "image/" + format, Width: c.Width, Height: c.Height}
	}
	return Image{}
}
