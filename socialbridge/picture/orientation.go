package picture

import (
	"encoding/binary"
	"image"
)

// orientation is which way a JPEG is to be turned, 1 to 8 as Exif has it (§4.6.4); 1, as it is, where it does not say.
func orientation(img []byte) int {
	// JPEG is a row of segments: a marker, and a length with what it is of.
	for at := 2; at+4 <= len(img) && img[at] == 0xff; {
		marker, length := img[at+1], int(binary.BigEndian.Uint16(img[at+2:]))
		if marker == 0xda || length < 2 || at+2+length > len(img) { // the picture itself begins
			return 1
		}
		segment := img[at+4 : at+2+length]
		if marker == 0xe1 && len(segment) > 6 && string(segment[:6]) == "Exif\x00\x00" {
			return exifOrientation(segment[6:])
		}
		at += 2 + length
	}
	return 1
}

// exifOrientation reads it from the first directory of a TIFF.
func exifOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	fields := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(fields) < 12 {
			return 1
		}
		if order.Uint16(fields) == 0x0112 {
			if o := int(order.Uint16(fields[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
		fields = fields[12:]
	}
	return 1
}

// upright is a picture turned the right way up.
func upright(src *image.NRGBA, orientation int) *image.NRGBA {
	if orientation == 1 {
		return src
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	turned := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		turned = image.Rect(0, 0, h, w)
	}
	dst := image.NewNRGBA(turned)
	for y := range h {
		for x := range w {
			var tx, ty int
			switch orientation {
			case 2:
				tx, ty = w-1-x, y
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				tx, ty = x, h-1-y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			dst.SetNRGBA(tx, ty, src.NRGBAAt(x, y))
		}
	}
	return dst
}
