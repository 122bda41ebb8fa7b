package tunnel

import (
	"bufio"
	"errors"
	"io"
)

// readLines calls each for every line of r until r ends or fails. A line of
// more than limit bytes is dropped as a whole: half of it could end within a
// secret, where redaction would not find it.
func readLines(r io.Reader, limit int, each func(line []byte)) {
	br := bufio.NewReaderSize(r, limit)
	tooLong := false
	for {
		line, err := br.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			tooLong = true
			continue
		case !tooLong && len(line) > 0:
			each(trimNewline(line))
		}
		tooLong = false
		if err != nil {
			return
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
