package avatar

import (
	"bytes"
	"image"
	"testing"
)

// The gateway's own picture is what its code says of it.
func TestOwnAvatar(t *testing.T) {
	t.Parallel()
	c, format, err := image.DecodeConfig(bytes.NewReader(own))
	if err != nil || format != "png" || c.Width != 192 || c.Height != 192 || len(own) > 8<<10 {
		t.Errorf("%s of %d by %d pixels and %d bytes, %v", format, c.Width, c.Height, len(own), err)
	}
}
