package transports

import "fmt"

// File is something with bytes. Who hands one over says beside it where the bytes are.
type File struct {
	Name string // for people, such as "photo.jpg"
	Type string // media type; empty if unknown
	Size int64  // in bytes
}

// FormatSize is a number of bytes for people, rounded down, so that what is said to fit does.
func FormatSize(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	i, value := 0, n
	for value >= 1024 && i < len(units)-1 {
		value /= 1024
		i++
	}
	if tenths := n * 10 >> (10 * i) % 10; i > 0 && value < 10 && tenths > 0 {
		return fmt.Sprintf("%d.%d %s", value, tenths, units[i])
	}
	return fmt.Sprintf("%d %s", value, units[i])
}
