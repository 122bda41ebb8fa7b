package lab

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"time"
)

// The pcap file format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
const (
	pcapMagic    = 0xa1b2c3d4 // microseconds
	pcapEthernet = 1
)

func (c *Capture) createFile() (err error) {
	if c.pcap, err = os.Create(c.File); err != nil {
		return err
	}
	header := binary.NativeEndian.AppendUint32(nil, pcapMagic)
	header = binary.NativeEndian.AppendUint16(header, 2) // version 2.4
	header = binary.NativeEndian.AppendUint16(header, 4)
	header = append(header, make([]byte, 8)...)
	header = binary.NativeEndian.AppendUint32(header, pcapFrame)
	header = binary.NativeEndian.AppendUint32(header, pcapEthernet)
	_, err = c.pcap.Write(header)
	return err
}

func writePcapFrame(f *os.File, at time.Time, frame []byte) error {
	kept := frame[:min(len(frame), pcapFrame)]
	record := binary.NativeEndian.AppendUint32(nil, uint32(at.Unix()))
	record = binary.NativeEndian.AppendUint32(record, uint32(at.Nanosecond()/1000))
	record = binary.NativeEndian.AppendUint32(record, uint32(len(kept)))
	record = binary.NativeEndian.AppendUint32(record, uint32(len(frame)))
	_, err := f.Write(append(record, kept...))
	return err
}

func isErrno(err error, want syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && errno == want
}
