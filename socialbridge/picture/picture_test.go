package picture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
)

var (
	red   = color.NRGBA{R: 255, A: 255}
	green = color.NRGBA{G: 255, A: 255}
	blue  = color.NRGBA{B: 255, A: 255}
	clear = color.NRGBA{}
)

// stripes is a picture whose left quarter is red, its right one blue, and what is between green.
func stripes(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		c := green
		if x < w/4 {
			c = red
		} else if x >= w-w/4 {
			c = blue
		}
		for y := range h {
			img.Set(x, y, c)
		}
	}
	return img
}

func pack(t testing.TB, img image.Image, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&b, img)
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "gif":
		err = gif.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// near reports whether two colours look alike.
func near(a, b color.Color) bool {
	r, g, bl, al := a.RGBA()
	r2, g2, bl2, al2 := b.RGBA()
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > 0x3000 }
	return !far(r, r2) && !far(g, g2) && !far(bl, bl2) && !far(al, al2)
}

func unpack(t *testing.T, img []byte, typ string) image.Image {
	t.Helper()
	out, format, err := image.Decode(bytes.NewReader(img))
	if err != nil || "image/"+format != typ {
		t.Fatalf("it is %s and not %s: %v", format, typ, err)
	}
	return out
}

// The middle of a picture is what is seen of it, in each format and size.
func TestSquare(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"png": "image/png", "jpeg": "image/jpeg", "gif": "image/png"} {
		for _, c := range []struct{ w, h, size, side int }{
			{400, 200, 96, 96}, {200, 400, 48, 48}, {2000, 1000, 24, 24}, {300, 300, 400, 300}, {100, 90, 90, 90}, {16, 1, 48, 1}, {4000, 40, 24, 24},
		} {
			out, typ, err := Square(pack(t, stripes(c.w, c.h), format), c.size)
			if err != nil || typ != want {
				t.Errorf("%s %+v: %s, %v", format, c, typ, err)
				continue
			}
			img := unpack(t, out, typ)
			if img.Bounds() != image.Rect(0, 0, c.side, c.side) {
				t.Errorf("%s %+v: %v", format, c, img.Bounds())
			}
			if got := img.At(c.side/2, c.side/2); !near(got, green) {
				t.Errorf("%s %+v: its middle is %v", format, c, got)
			}
			if got := img.At(0, 0); c.w >= 2*c.h && c.h > 1 && !near(got, green) {
				t.Errorf("%s %+v: the red was not left out: %v", format, c, got)
			}
		}
	}
	seen := image.NewNRGBA(image.Rect(0, 0, 100, 100)) // nothing at all
	out, typ, err := Square(pack(t, seen, "png"), 24)
	if err != nil {
		t.Fatal(err)
	}
	if got := unpack(t, out, typ).At(3, 3); !near(got, clear) {
		t.Errorf("what lets shine through became %v", got)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ w, h, size, width, height int }{{400, 200, 100, 100, 50}, {30, 60, 100, 30, 60}, {1000, 1, 100, 100, 1}} {
		out, typ, err := Fit(pack(t, stripes(c.w, c.h), "png"), c.size)
		if err != nil || unpack(t, out, typ).Bounds() != image.Rect(0, 0, c.width, c.height) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// A photograph that lies on its side stands.
	out, typ, err := Fit(withExif(pack(t, stripes(64, 32), "jpeg"), binary.BigEndian, "MM\x00*", 6), 32)
	if err != nil || unpack(t, out, typ).Bounds() != image.Rect(0, 0, 16, 32) {
		t.Errorf("on its side: %v", err)
	}
	if _, _, err := Fit([]byte("text"), 100); err == nil {
		t.Error("text is a picture")
	}
}

// webp is a picture of 1 × 1 pixels.
const webp = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"

func TestWebP(t *testing.T) {
	t.Parallel()
	img, err := base64.StdEncoding.DecodeString(webp)
	if err != nil {
		t.Fatal(err)
	}
	if out, typ, err := Square(img, 48); err != nil || typ != "image/jpeg" || unpack(t, out, typ).Bounds().Dx() != 1 {
		t.Errorf("%s, %v", typ, err)
	}
}

// withExif puts an orientation into a JPEG, behind its first marker.
func withExif(img []byte, order binary.AppendByteOrder, name string, orientation uint16) []byte {
	tiff := order.AppendUint32([]byte(name), 8)
	tiff = order.AppendUint16(tiff, 2)
	for tag, value := range map[uint16]uint16{0x0112: orientation} {
		tiff = order.AppendUint16(append(tiff, make([]byte, 12)...), tag) // behind another field
		tiff = order.AppendUint32(order.AppendUint16(tiff, 3), 1)
		tiff = order.AppendUint16(order.AppendUint16(tiff, value), 0)
	}
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(segment)+2))...)
	return append(append(out, segment...), img[2:]...)
}

// A photograph is shown the way up that its camera noted, and what else it noted is gone.
func TestOrientation(t *testing.T) {
	t.Parallel()
	img := pack(t, stripes(64, 64), "jpeg")
	left, right, top, bottom := image.Pt(2, 32), image.Pt(61, 32), image.Pt(32, 2), image.Pt(32, 61)
	for o, where := range []image.Point{0: left, 1: left, 2: right, 3: right, 4: left, 5: top, 6: top, 7: bottom, 8: bottom, 9: left} { // where the red is then
		for name, order := range map[string]binary.AppendByteOrder{"II*\x00": binary.LittleEndian, "MM\x00*": binary.BigEndian} {
			out, typ, err := Square(withExif(img, order, name, uint16(o)), 100)
			if err != nil {
				t.Fatal(err)
			}
			if got := unpack(t, out, typ); !near(got.At(where.X, where.Y), red) {
				t.Errorf("%d: %v where red is to be", o, got.At(where.X, where.Y))
			}
			if bytes.Contains(out, []byte("Exif")) {
				t.Errorf("%d: what the camera noted is still there", o)
			}
		}
	}
}

// claiming is a PNG that says that it has so many pixels.
func claiming(t testing.TB, w, h uint32) []byte {
	img := pack(t, stripes(4, 4), "png")
	binary.BigEndian.PutUint32(img[16:], w)
	binary.BigEndian.PutUint32(img[20:], h)
	binary.BigEndian.PutUint32(img[29:], crc32.ChecksumIEEE(img[12:29]))
	return img
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		img      []byte
		tooLarge bool
	}{
		"nothing":       {nil, false},
		"text":          {[]byte("<svg onload='alert(1)'/>"), false},
		"cut":           {pack(t, stripes(64, 64), "png")[:60], false},
		"a bomb":        {claiming(t, 60000, 60000), true},
		"a long line":   {claiming(t, maxSide+1, 1), true},
		"many pixels":   {claiming(t, 16000, 16000), true},
		"no pixels":     {claiming(t, 0, 0), false},
		"too many data": {make([]byte, maxBytes+1), true},
	} {
		out, _, err := Square(c.img, 96)
		if err == nil || out != nil || errors.Is(err, ErrTooLarge) != c.tooLarge {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
}

func FuzzSquare(f *testing.F) {
	for _, format := range []string{"png", "jpeg", "gif"} {
		f.Add(pack(f, stripes(8, 4), format))
	}
	img, err := base64.StdEncoding.DecodeString(webp)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(img)
	f.Add(withExif(pack(f, stripes(8, 4), "jpeg"), binary.BigEndian, "MM\x00*", 6))
	f.Fuzz(func(t *testing.T, img []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(img)); err == nil && c.Width*c.Height > 1<<20 {
			return // takes long, and is the same
		}
		out, typ, err := Square(img, 24)
		if err == nil && unpack(t, out, typ).Bounds().Dx() > 24 {
			t.Error("it is larger than was asked for")
		}
	})
}

func BenchmarkSquare(b *testing.B) {
	img := pack(b, stripes(1600, 1200), "jpeg")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Square(img, 96); err != nil {
			b.Fatal(err)
		}
	}
}
