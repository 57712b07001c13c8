package avatar

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
)

// Pictures of contacts that have none: a pattern in a colour, both of the address, so that people tell each other apart at a glance. Nobody is
// asked for a picture, since whoever keeps them would learn who writes to whom.

const (
	identiconCells  = 5  // a side
	identiconPixels = 12 // of a cell
	identiconMargin = 6
)

// identicon draws the picture of a name.
func identicon(name string) Image {
	sum := sha256.Sum256([]byte(name))
	const side = identiconCells*identiconPixels + 2*identiconMargin
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.RGBA{0xf0, 0xf0, 0xf0, 0xff}, hue(sum[0])})
	for y := range identiconCells {
		for x := range identiconCells {
			mirrored := min(x, identiconCells-1-x) // faces are symmetrical
			bit := y*3 + mirrored
			if sum[1+bit/8]>>(bit%8)&1 == 0 {
				continue
			}
			for dy := range identiconPixels {
				for dx := range identiconPixels {
					img.SetColorIndex(identiconMargin+x*identiconPixels+dx, identiconMargin+y*identiconPixels+dy, 1)
				}
			}
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // a Buffer takes everything, and the image is one that PNG has
	return Image{Data: b.Bytes(), Type: "image/png", Width: side, Height: side}
}

// hue is one of 256 colours around the circle, none of them too light for the ground.
func hue(n byte) color.RGBA {
	const low, high = 0x30, 0xb0
	sixth, rest := int(n)*6/256, int(n)*6%256
	up := uint8(low + (high-low)*rest/256)
	down := uint8(high - (high-low)*rest/256)
	switch sixth {
	case 0:
		return color.RGBA{high, up, low, 0xff}
	case 1:
		return color.RGBA{down, high, low, 0xff}
	case 2:
		return color.RGBA{low, high, up, 0xff}
	case 3:
		return color.RGBA{low, down, high, 0xff}
	case 4:
		return color.RGBA{up, low, high, 0xff}
	}
	return color.RGBA{high, low, down, 0xff}
}
