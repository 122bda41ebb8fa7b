package localproxy

import (
	crand "crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"math/rand/v2"
)

// maskBlock is how many bytes are masked at once: long enough for the vector
// instructions of subtle.XORBytes to pay.
const maskBlock = 1024

// masker masks a client's frames (RFC 6455, section 5.3: a fresh key for each
// frame, from a strong source).
type masker struct {
	keys  *rand.ChaCha8
	block [maskBlock]byte
}

func newMasker() masker {
	var seed [32]byte
	crand.Read(seed[:]) // never fails (documented)
	return masker{keys: rand.NewChaCha8(seed)}
}

func (m *masker) next() (key [4]byte) {
	binary.NativeEndian.PutUint32(key[:], uint32(m.keys.Uint64()))
	return key
}

// apply masks b in place, as if it were a whole frame's payload.
func (m *masker) apply(b []byte, key [4]byte) {
	block := m.block[:min(len(b), maskBlock)]
	for n := copy(block, key[:]); n < len(block); n *= 2 {
		copy(block[n:], block[:n])
	}
	for len(b) > 0 {
		n := subtle.XORBytes(b, b, block)
		b = b[n:]
	}
}
