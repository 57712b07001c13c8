package config

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAvatarFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	picture := func(encode func(*bytes.Buffer, image.Image) error, width, height int) []byte {
		t.Helper()
		var b bytes.Buffer
		if err := encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	asPNG := func(b *bytes.Buffer, i image.Image) error { return png.Encode(b, i) }
	asJPEG := func(b *bytes.Buffer, i image.Image) error { return jpeg.Encode(b, i, nil) }
	write("a.png", picture(asPNG, 64, 32))
	write("b.jpg", picture(asJPEG, 20, 20))
	write("c.webp", []byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")) // 1 by 1
	write("wide.png", picture(asPNG, 1025, 1))
	write("fat.png", append(picture(asPNG, 8, 8), make([]byte, maxAvatar)...))
	write("page.svg", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"))

	c, err := Parse(filepath.Join(dir, "passerelle.toml"), []byte(valid+"avatar_file = \"a.png\"\n[[irc.network]]\nname = \"x\"\navatar_file = \"b.jpg\"\n[[irc.network]]\nname = \"y\"\navatar_file = \"c.webp\"\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		got           Image
		typ           string
		width, height int
	}{
		"of the gateway":      {c.IRC[0].Avatar, "image/png", 64, 32},
		"of a network":        {c.IRC[0].Networks[0].Avatar, "image/jpeg", 20, 20},
		"of the next network": {c.IRC[0].Networks[1].Avatar, "image/webp", 1, 1},
	} {
		if i := test.got; i.Type != test.typ || i.Width != test.width || i.Height != test.height || len(i.Data) == 0 {
			t.Errorf("the picture %s is a %s of %d by %d pixels and %d bytes", name, i.Type, i.Width, i.Height, len(i.Data))
		}
	}
	for file, want := range map[string]string{
		"wide.png": "has 1025 by 1 pixels", "fat.png": "too large", "page.svg": "is no picture", "none.png": "cannot be read", "": "cannot be read",
	} {
		_, err := Parse(filepath.Join(dir, "passerelle.toml"), []byte(valid+"avatar_file = \""+file+"\"\n"), "")
		if err == nil || !strings.Contains(err.Error(), "4") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", file, err, want)
		}
	}
}
