package tunnel

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
)

// stream is the reading end of a process's pipe, and the beginning of a line
// that was read from it already.
type stream struct {
	file *os.File
	rest []byte
}

// reader reads all of it.
func (s *stream) reader() io.Reader { return io.MultiReader(bytes.NewReader(s.rest), s.file) }

// readLines calls each for every line of r until r ends or fails. A line of
// more than limit bytes is dropped as a whole: half of it could end within a
// secret, where redaction would not find it. After r's deadline the beginning of
// a line is returned, to be read again before the rest of it.
func readLines(r io.Reader, limit int, each func(line []byte)) (rest []byte) {
	br := bufio.NewReaderSize(r, limit)
	tooLong := false
	for {
		line, err := br.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			tooLong = true
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && tooLong:
			return bytes.Repeat([]byte("x"), limit) // too long for the next reader as well
		case errors.Is(err, os.ErrDeadlineExceeded):
			return bytes.Clone(line)
		case !tooLong && len(line) > 0:
			each(trimNewline(line))
		}
		tooLong = false
		if err != nil {
			return nil
		}
	}
}

// trimNewline leaves a last line without an end as it is.
func trimNewline(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		return line[:n-1]
	}
	return line
}
