package localproxy

import "encoding/binary"

const (
	lengthSize = 2                      // the big-endian length before each message
	maxMessage = lengthSize + 1<<16 - 1 // the longest message with its length
	minRead    = 16 << 10               // a TLS record: with less room, what is left moves to the front
	bufferSize = maxMessage + 2*minRead // the longest message but one byte leaves room to read on
)

// parser cuts the stream of bytes that binary WebSocket messages carry into
// tunnel messages. Where the WebSocket messages were cut means nothing: the
// service joins and splits them. Its memory is one buffer of fixed size.
type parser struct {
	buf  []byte
	r, w int // buf[r:w] is read and not yet parsed
}

func newParser() *parser { return &parser{buf: make([]byte, bufferSize)} }

// space returns where the next bytes are to be read to; it is never empty
// after next has returned false. What next returned before is overwritten.
func (p *parser) space() []byte {
	if p.r == p.w {
		p.r, p.w = 0, 0
	}
	if len(p.buf)-p.w < minRead {
		p.w = copy(p.buf, p.buf[p.r:p.w])
		p.r = 0
	}
	return p.buf[p.w:]
}

// filled says that n bytes were read into space.
func (p *parser) filled(n int) { p.w += n }

// next decodes the next whole message into m and reports whether there was one.
func (p *parser) next(m *message) (bool, error) {
	have := p.buf[p.r:p.w]
	if len(have) < lengthSize {
		return false, nil
	}
	end := lengthSize + int(binary.BigEndian.Uint16(have))
	if len(have) < end {
		return false, nil
	}
	p.r += end
	return true, m.decode(have[lengthSize:end])
}
