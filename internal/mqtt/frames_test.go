package mqtt

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

type header struct {
	first  byte
	length int
}

// headers feeds b in pieces of at most size bytes.
func headers(b []byte, size int) (all []header, f frames, err error) {
	for len(b) > 0 && err == nil {
		n := min(size, len(b))
		err = f.feed(b[:n], func(first byte, length int) error {
			all = append(all, header{first, length})
			return nil
		})
		b = b[n:]
	}
	return all, f, err
}

// wire is what p looks like when it is sent.
func wire(p packets.ControlPacket) []byte {
	var b bytes.Buffer
	must(0, p.Write(&b))
	return b.Bytes()
}

func publishOf(size int) []byte {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = "t", make([]byte, size)
	return wire(p)
}

func TestFramesSeesPacketsInPiecesOfAnySize(t *testing.T) {
	stream := slices.Concat(
		wire(packets.NewControlPacket(packets.Connack)), publishOf(0), publishOf(124), publishOf(125),
		publishOf(20_000), []byte{typePingresp, 0}, publishOf(2_097_152), []byte{typePingresp, 0},
	)
	want := []header{
		{typeConnack, 2}, {typePublish, 3}, {typePublish, 127}, {typePublish, 128},
		{typePublish, 20_003}, {typePingresp, 0}, {typePublish, 2_097_155}, {typePingresp, 0},
	}
	for _, size := range []int{1, 2, 3, 7, 4096, len(stream)} {
		got, f, err := headers(stream, size)
		if err != nil || !slices.Equal(got, want) || !f.between() {
			t.Errorf("in pieces of %d: %v, %v, at a boundary: %v", size, got, err, f.between())
		}
	}
}

func TestFramesKnowsWhenAPacketIsUnderWay(t *testing.T) {
	for _, part := range [][]byte{{typePublish}, {typePublish, 0x80}, {typePublish, 3}, {typePublish, 3, 0, 1}} {
		_, f, err := headers(part, 1)
		if err != nil || f.between() {
			t.Errorf("after % x: between packets", part)
		}
	}
}

func TestFramesRefusesALengthOfFiveBytes(t *testing.T) {
	if _, _, err := headers([]byte{typePublish, 0xFF, 0xFF, 0xFF, 0x7F}, 1); err != nil {
		t.Errorf("the longest length: %v", err)
	}
	if _, _, err := headers([]byte{typePublish, 0xFF, 0xFF, 0xFF, 0xFF}, 1); !errors.Is(err, errNotMQTT) {
		t.Errorf("a longer one: %v", err)
	}
}

func TestFramesPassesOnTheErrorOfHeader(t *testing.T) {
	refused := errors.New("refused")
	var f frames
	if err := f.feed([]byte{typePingresp, 0}, func(byte, int) error { return refused }); err != refused {
		t.Errorf("got %v", err)
	}
}

// whole is the straightforward reading of a stream that is there as a whole.
func whole(b []byte) (all []header, err error) {
	for at := 0; at < len(b); {
		first, length := b[at], 0
		for i := 0; ; i++ {
			if at++; at == len(b) {
				return all, nil
			}
			length |= int(b[at]&0x7F) << (7 * i)
			if b[at]&0x80 == 0 {
				break
			}
			if i == 3 {
				return all, errNotMQTT
			}
		}
		all = append(all, header{first, length})
		at += 1 + length
	}
	return all, nil
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{typeConnack, 2, 0, 7}, 1)
	f.Add(publishOf(300), 3)
	f.Add([]byte{typePublish, 0xFF, 0xFF, 0xFF, 0xFF, 0}, 2)
	f.Add([]byte{typePingresp, 0, typePingresp, 0, typeSuback, 3, 0, 1, 0x80}, 4)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		got, _, gotErr := headers(b, max(1, size))
		want, wantErr := whole(b)
		if !slices.Equal(got, want) || gotErr != wantErr {
			t.Errorf("% x in pieces of %d: %v (%v), as a whole %v (%v)", b, size, got, gotErr, want, wantErr)
		}
	})
}
