package resolver

import (
	"encoding/binary"
	"strings"

	"github.com/miekg/dns"
)

const (
	headerSize = 12
	// maxUDPAnswer bounds what a client can ask for over UDP; loopback would
	// carry more.
	maxUDPAnswer = 4096
	// maxEDEText is how long the text of an Extended DNS Error may be, in bytes:
	// with it an empty answer still fits into 512.
	maxEDEText = 160
)

// query is one client's valid question.
type query struct {
	msg   *dns.Msg
	name  string // wire form
	scope scope
	opt   *dns.OPT // nil: the client does not speak EDNS
	udp   bool
}

// question returns the only question.
func (q *query) question() dns.Question { return q.msg.Question[0] }

func (q *query) key() key {
	return key{name: q.name, qtype: q.question().Qtype, do: q.opt != nil && q.opt.Do(), cd: q.msg.CheckingDisabled}
}

// forward returns the question as it is sent on: in lower case, with EDNS of
// our own. No option of the client is passed on (cookies belong to one hop, a
// client's subnet to nobody).
func (q *query) forward() *dns.Msg {
	m := newQuestion(q.question().Name, q.question().Qtype)
	m.CheckingDisabled = q.msg.CheckingDisabled
	if q.key().do {
		m.IsEdns0().SetDo()
	}
	return m
}

func newQuestion(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(dns.CanonicalName(name), qtype)
	return m.SetEdns0(ednsSize, false)
}

// parse reads a raw message. If it is not a valid question, query is nil and
// refusal the answer, nil if it deserves none.
func (s *Stub) parse(raw []byte, udp bool) (q *query, refusal []byte) {
	if len(raw) < headerSize || isResponse(raw) {
		return nil, nil
	}
	if opcode(raw) != dns.OpcodeQuery {
		return nil, refuse(raw, dns.RcodeNotImplemented)
	}
	m := new(dns.Msg)
	if m.Unpack(raw) != nil || len(m.Question) != 1 {
		return nil, refuse(raw, dns.RcodeFormatError)
	}
	q = &query{msg: m, name: wire(m.Question[0].Name), udp: udp}
	if q.name == "" || !q.takeOPT() {
		return nil, refuse(raw, dns.RcodeFormatError)
	}
	q.scope = s.names.scope(q.name)
	return q, nil
}

// takeOPT finds the OPT record; false if there are several (RFC 6891, section
// 6.1.1).
func (q *query) takeOPT() bool {
	for _, rr := range q.msg.Extra {
		if opt, ok := rr.(*dns.OPT); ok {
			if q.opt != nil {
				return false
			}
			q.opt = opt
		}
	}
	return true
}

func isResponse(raw []byte) bool { return raw[2]&0x80 != 0 }

func opcode(raw []byte) int { return int(raw[2]>>3) & 0xF }

// refuse answers a message that cannot be answered in detail with its bare
// header.
func refuse(raw []byte, rcode int) []byte {
	out := make([]byte, headerSize)
	copy(out, raw[:2])
	const qr, opcodeAndRD, ra = 0x8000, 0x7900, 0x0080
	flags := qr | binary.BigEndian.Uint16(raw[2:])&opcodeAndRD | ra | uint16(rcode)
	binary.BigEndian.PutUint16(out[2:], flags)
	return out
}

// reply is what there is to say to a question, whoever asked it. It is not
// changed once it is made: several clients may be waiting for it.
type reply struct {
	rcode             int
	answer, ns, extra []dns.RR // without OPT
	ede               *dns.EDNS0_EDE
	private           bool // comes from the VPC, in whole or in part
	transient         bool // must not be kept
}

func replyOf(m *dns.Msg) *reply {
	r := &reply{rcode: m.Rcode, answer: m.Answer, ns: m.Ns, transient: m.Truncated}
	for _, rr := range m.Extra {
		if opt, ok := rr.(*dns.OPT); ok {
			r.ede = edeOf(opt)
			continue
		}
		r.extra = append(r.extra, rr)
	}
	return r
}

func (r *reply) sections() [3][]dns.RR { return [3][]dns.RR{r.answer, r.ns, r.extra} }

func edeOf(opt *dns.OPT) *dns.EDNS0_EDE {
	for _, o := range opt.Option {
		if ede, ok := o.(*dns.EDNS0_EDE); ok {
			return ede
		}
	}
	return nil
}

// ede returns an Extended DNS Error (RFC 8914) with a text of one short line.
func ede(code uint16, text string) *dns.EDNS0_EDE {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxEDEText {
		text = strings.ToValidUTF8(text[:maxEDEText], "")
	}
	return &dns.EDNS0_EDE{InfoCode: code, ExtraText: text}
}

// pack returns the answer to q on the wire, cut to what the client can take.
func (q *query) pack(r *reply) []byte {
	m := new(dns.Msg).SetReply(q.msg)
	m.RecursionAvailable = true
	m.Rcode, m.Answer, m.Ns, m.Extra = r.rcode, r.answer, r.ns, r.extra[:len(r.extra):len(r.extra)]
	if q.opt != nil {
		m.Extra = append(m.Extra, q.optOf(r))
	}
	m.Truncate(q.limit())
	m.Compress = true
	raw, err := m.Pack()
	if err != nil {
		return q.packEmpty()
	}
	return raw
}

// packEmpty answers with no records at all, for a record that cannot be packed
// again or an extended code to a client without EDNS. A private name still gets
// no error.
func (q *query) packEmpty() []byte {
	m := new(dns.Msg).SetReply(q.msg)
	m.RecursionAvailable = true
	if q.scope != scopePrivate {
		m.Rcode = dns.RcodeServerFailure
	}
	raw, _ := m.Pack() // the question was parsed from the wire
	return raw
}

func (q *query) optOf(r *reply) *dns.OPT {
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(ednsSize)
	opt.SetDo(q.opt.Do())
	if r.ede != nil {
		opt.Option = append(opt.Option, r.ede)
	}
	return opt
}

// limit is the size of the largest answer that the client takes, in bytes.
func (q *query) limit() int {
	switch {
	case !q.udp:
		return dns.MaxMsgSize
	case q.opt == nil:
		return dns.MinMsgSize
	}
	return min(max(int(q.opt.UDPSize()), dns.MinMsgSize), maxUDPAnswer)
}
