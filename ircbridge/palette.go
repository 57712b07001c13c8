package ircbridge

import (
	"strconv"

	"passerelle/transports"
)

// palette are the colours of the codes 0 to 98 (https://modern.ircdocs.horse/formatting#colors). Of the first 16 each client has its own; these
// are those of mIRC.
var palette = [...]uint32{
	0xffffff, 0x000000, 0x00007f, 0x009300, 0xff0000, 0x7f0000, 0x9c009c, 0xfc7f00,
	0xffff00, 0x00fc00, 0x009393, 0x00ffff, 0x0000fc, 0xff00ff, 0x7f7f7f, 0xd2d2d2,
	0x470000, 0x472100, 0x474700, 0x324700, 0x004700, 0x00472c, 0x004747, 0x002747, 0x000047, 0x2e0047, 0x470047, 0x47002a,
	0x740000, 0x743a00, 0x747400, 0x517400, 0x007400, 0x007449, 0x007474, 0x004074, 0x000074, 0x4b0074, 0x740074, 0x740045,
	0xb50000, 0xb56300, 0xb5b500, 0x7db500, 0x00b500, 0x00b571, 0x00b5b5, 0x0063b5, 0x0000b5, 0x7500b5, 0xb500b5, 0xb5006b,
	0xff0000, 0xff8c00, 0xffff00, 0xb2ff00, 0x00ff00, 0x00ffa0, 0x00ffff, 0x008cff, 0x0000ff, 0xa500ff, 0xff00ff, 0xff0098,
	0xff5959, 0xffb459, 0xffff71, 0xcfff60, 0x6fff6f, 0x65ffc9, 0x6dffff, 0x59b4ff, 0x5959ff, 0xc459ff, 0xff66ff, 0xff59bc,
	0xff9c9c, 0xffd39c, 0xffff9c, 0xe2ff9c, 0x9cff9c, 0x9cffdb, 0x9cffff, 0x9cd3ff, 0x9c9cff, 0xdc9cff, 0xff9cff, 0xff94d3,
	0x000000, 0x131313, 0x282828, 0x363636, 0x4d4d4d, 0x656565, 0x818181, 0x9f9f9f, 0xbcbcbc, 0xe2e2e2, 0xffffff,
}

// noColour is the code of the colour that the reader has anyhow.
const noColour = 99

// paletteColour is the colour of a code of one or two digits.
func paletteColour(digits string) transports.Colour {
	i, _ := strconv.Atoi(digits)
	if i >= len(palette) {
		return 0
	}
	return transports.RGB(palette[i])
}

// hexColour is the colour of six hexadecimal digits.
func hexColour(digits string) transports.Colour {
	rgb, _ := strconv.ParseUint(digits, 16, 32)
	return transports.RGB(uint32(rgb))
}

// paletteIndex is the code of the colour that is nearest to one.
func paletteIndex(c transports.Colour) uint8 {
	if c == 0 {
		return noColour
	}
	best, least := uint8(noColour), -1
	for i, rgb := range palette {
		if d := colourDistance(rgb, c.RGB()); least < 0 || d < least {
			best, least = uint8(i), d
		}
	}
	return best
}

// colourDistance says how different two colours are, with weights for how much eyes see of each part.
func colourDistance(a, b uint32) int {
	part := func(shift uint) int { return int(a>>shift&0xff) - int(b>>shift&0xff) }
	r, g, bl := part(16), part(8), part(0)
	return 3*r*r + 6*g*g + bl*bl
}
