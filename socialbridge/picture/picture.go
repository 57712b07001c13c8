package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/gif" // formats that are read
	"image/jpeg"
	"image/png"

	xdraw "golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// Limits of what a stranger sends. The latter is looked at before a picture is unpacked, which takes 4 or 8 bytes a pixel.
const (
	maxBytes  = 8 << 20
	maxPixels = 24 << 20
	maxSide   = 16 << 10 // pixels
)

const quality = 85 // of JPEG

// ErrTooLarge is what is said of a picture that is over a limit.
var ErrTooLarge = errors.New("the picture is too large")

// Square makes the middle of a picture into a square of size pixels, or less where it has less, as a PNG or a JPEG. It keeps a processor busy
// for up to a second: who may be sent many bounds how many are made at a time.
func Square(img []byte, size int) (out []byte, typ string, err error) {
	src, format, up, err := decode(img)
	if err != nil {
		return nil, "", err
	}
	b := src.Bounds()
	side := min(b.Dx(), b.Dy())
	b = image.Rect(0, 0, side, side).Add(b.Min).Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	size = min(size, side)
	return encode(upright(scale(src, b, size, size), up), format)
}

// Fit makes a picture into one of which no side is longer than size pixels, as Square does.
func Fit(img []byte, size int) (out []byte, typ string, err error) {
	src, format, up, err := decode(img)
	if err != nil {
		return nil, "", err
	}
	b := src.Bounds()
	width, height := b.Dx(), b.Dy()
	if longest := max(width, height); longest > size {
		width, height = max(1, width*size/longest), max(1, height*size/longest)
	}
	return encode(upright(scale(src, b, width, height), up), format)
}

// decode unpacks a picture, its first one where it moves, and says how it is to be turned.
func decode(img []byte) (src image.Image, format string, up int, err error) {
	if len(img) > maxBytes {
		return nil, "", 0, ErrTooLarge
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(img))
	if err != nil {
		return nil, "", 0, fmt.Errorf("read picture: %w", err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return nil, "", 0, errors.New("read picture: it has no pixels")
	}
	if c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > maxPixels {
		return nil, "", 0, ErrTooLarge
	}
	src, format, err = image.Decode(bytes.NewReader(img))
	if err != nil {
		return nil, "", 0, fmt.Errorf("read picture: %w", err)
	}
	if src.Bounds().Dx() <= 0 || src.Bounds().Dy() <= 0 { // of a GIF, the first picture may have less than the whole
		return nil, "", 0, errors.New("read picture: it has no pixels")
	}
	up = 1
	if format == "jpeg" {
		up = orientation(img)
	}
	return src, format, up, nil
}

// scale is a part of a picture in another size.
func scale(src image.Image, part image.Rectangle, width, height int) *image.NRGBA {
	dst := image.NewNRGBA(image.Rect(0, 0, width, height))
	if part.Dx() == width && part.Dy() == height {
		draw.Draw(dst, dst.Bounds(), src, part.Min, draw.Src)
		return dst
	}
	// The sharper one takes long for what is much larger.
	var by xdraw.Scaler = xdraw.CatmullRom
	if part.Dx()/width > 8 || part.Dy()/height > 8 {
		by = xdraw.ApproxBiLinear
		if part.Dx()/width > 2 {
			half := image.NewNRGBA(image.Rect(0, 0, width*4, height*4))
			by.Scale(half, half.Bounds(), src, part, draw.Src, nil)
			src, part, by = half, half.Bounds(), xdraw.CatmullRom
		}
	}
	by.Scale(dst, dst.Bounds(), src, part, draw.Src, nil)
	return dst
}

// encode packs a picture: as a JPEG what was one, and as a PNG what may have been drawn, or lets something shine through.
func encode(img *image.NRGBA, format string) ([]byte, string, error) {
	var b bytes.Buffer
	if format == "jpeg" || format == "webp" && img.Opaque() {
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, "", fmt.Errorf("write picture: %w", err)
		}
		return b.Bytes(), "image/jpeg", nil
	}
	if err := png.Encode(&b, img); err != nil {
		return nil, "", fmt.Errorf("write picture: %w", err)
	}
	return b.Bytes(), "image/png", nil
}
