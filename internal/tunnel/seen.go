package tunnel

import (
	"crypto/sha256"
	"slices"
)

// tokenMemory remembers the last tokens, so that a message delivered twice (QoS
// 1 allows it, a persistent session invites it) does not open a second tunnel.
// It keeps hashes: a token is of use to whoever reads this process's memory.
type tokenMemory struct {
	hashes [seenTokens][sha256.Size]byte
	next   int
}

// has reports whether token is remembered.
func (m *tokenMemory) has(token string) bool {
	return slices.Contains(m.hashes[:], sha256.Sum256([]byte(token)))
}

// add remembers token in place of the oldest one.
func (m *tokenMemory) add(token string) {
	m.hashes[m.next] = sha256.Sum256([]byte(token))
	m.next = (m.next + 1) % seenTokens
}

// list returns what is remembered, for another memory.
func (m *tokenMemory) list() [][]byte {
	var out [][]byte
	for _, h := range m.hashes {
		if h != [sha256.Size]byte{} {
			out = append(out, h[:])
		}
	}
	return out
}

// learn takes in what list returned. What is no hash is left out.
func (m *tokenMemory) learn(hashes [][]byte) {
	for _, h := range hashes {
		if len(h) == sha256.Size {
			m.hashes[m.next] = [sha256.Size]byte(h)
			m.next = (m.next + 1) % seenTokens
		}
	}
}
