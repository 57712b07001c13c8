package avatar

import (
	"bytes"
	"errors"
	"image"
	_ "image/gif"  // formats of pictures
	_ "image/jpeg" // so are these
	_ "image/png"

	_ "golang.org/x/image/webp"
)

// Bounds of a picture that strangers made.
const (
	maxBytes = 96 << 10
	maxSide  = 1024 // pixels
)

// types are those that clients show.
var types = [...]string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// errNoPicture says that clients would show nothing.
var errNoPicture = errors.New("it is no picture that clients can show")

// Read checks that clients can show a picture, and finds out what it is.
func Read(data []byte) (Image, error) {
	if len(data) > maxBytes {
		return Image{}, errNoPicture
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide {
		return Image{}, errors.Join(errNoPicture, err)
	}
	return Image{Data: data, Type: "image/" + format, Width: c.Width, Height: c.Height}, nil
}
