package store

import (
	"bytes"
	"encoding/pem"
	"errors"
)

// sealedType is what stands in the first line of a sealed file.
const sealedType = "PASSERELLE SEALED FILE"

// SealFile seals what is kept in a file beside the database, with the key of the database. The name is that of the file, without its directory: under
// another one it does not open.
func SealFile(key []byte, name string, plain []byte) ([]byte, error) {
	b, err := newBox(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: sealedType, Bytes: b.seal(Secret(plain), "file", "content", name)}), nil
}

// OpenFile is the inverse of SealFile. What is not sealed is returned as it is, and sealed is false.
func OpenFile(key []byte, name string, text []byte) (plain []byte, sealed bool, err error) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN "+sealedType+"-----")) {
		return text, false, nil
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != sealedType {
		return nil, true, errors.New("it is cut short")
	}
	b, err := newBox(key)
	if err != nil {
		return nil, true, err
	}
	secret, err := b.open(block.Bytes, "file", "content", name)
	return []byte(secret.Reveal()), true, err
}
