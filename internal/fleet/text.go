package fleet

// introduction takes the number of devices, the quota and the seed.
const introduction = `# When a whole fleet loses the path

Written by ` + "`make fleet`" + `: a simulation of %d devices behind one VPC endpoint that lose the path in the same moment, against
an account that accepts %d CONNECTs in any one second and closes the connection on any more (seed %d). Its default is that,
[adjustable](https://docs.aws.amazon.com/general/latest/gr/iot-core.html). The optimum is what the quota alone makes the
lost sessions take. Times count from the moment when the path is back; the ratio is that of the last device's return to the optimum.

edgeagent is paced by the daemon's own code: the link's judgement, its ladder and its back-off (` + "`internal/vpn`" + `), and the
session's (` + "`internal/mqtt`" + `). OpenVPN around it is a model (ping-restart 20 s, 10 s for an attempt). The others are models of
what the libraries do by default, each in a file of ` + "`internal/fleet`" + ` that names its source; their path is back everywhere at once.
`

// explanation says what the figures mean for who runs a fleet.
const explanation = `
## What this means

**Without the key, a device comes back as soon as it can,** because it knows of no other: a single gateway is back within
seconds. Its back-off begins at 2 s, so many at once are refused again and again. They do come back, in about twice the
optimum's time, but the endpoint sees many times its quota. That cannot be had both ways by a device that does not know its fleet:
whoever is to be back in 5 s alone is so in company as well. "Patient" shows how far a device would come that takes each refusal for an
overload and tries again somewhere in the next 5 minutes: far fewer refusals, and still a first rush of many times the quota. It would cost a single device
minutes after one refusal that had another reason, so it is not what edgeagent does.

**With ` + "`mqtt.fleet: N`" + ` (how many devices connect to AWS IoT in the account) each device takes its turn.** There is a moment of its
own in a window of N/450 seconds, computed from the client id and counted on the wall clock, which is what devices share without
talking to each other. It waits for that moment

- after the whole path was gone, as far as it can tell for others as well: a silent VPN server, a silent resolver, an endpoint that moved;
- after the endpoint has closed the connection in answer to CONNECT.

It waits for nobody at its first connection after a start, when only its session was lost, and when the path went for a
reason of its own: no uplink, no carrier, a vanished device, OpenVPN's end, ` + "`edgeagent link restart`" + `.
` + "`edgeagent status`" + ` says when the turn is. The price is on the single device: after a silence of its own VPN connection it waits for half a
window on average, and for a whole one at worst (222 s for 100,000 devices). A day after an outage the VPN's
sessions, which AWS ends after 24 h, end in the same rush, and the turns spread that as well.

450 of 500 leave room for what reconnects anyway and for chance: client ids that end in a number (gw-000001 and on) are spaced evenly, others
("serials") fall as they may, and a device that is refused in its turn tries again within a sixteenth of the window. With another quota than 500 write
N x 500/quota. A wrong N is no fault of its own: too large a one waits longer than it must, too small a one is refused now and then.

**After 10 s nearly all sessions are still there.** OpenVPN's connection, TCP and the keepalive of 230 s ride that out; who sent a
PINGREQ in the wrong second connects again by itself. So do the others': the SDK's 20 minutes of keepalive notice even less, and half of its
clients sit through 10 minutes without a word. That is why its storm is small there: those sessions were gone for that time, and nobody knew.
It is also why they come back from 3 hours better than a doubling without jitter deserves: they noticed the outage at any time within 20 minutes, and are
out of step for that alone.

**A doubling back-off without jitter keeps a fleet in step.** What lost its path together comes back together, is refused together, and
sleeps the same time again. For paho that is 10 minutes, until the quota has bitten through the crowd slice by slice.

Not in the model: what 100,000 TLS handshakes cost the endpoint and how many connections a second AWS Client VPN takes (AWS states no
limit for either), and OpenVPN's own way back under load. All devices have one OpenVPN link and its defaults; a link that something else
dials notices its return by a probe within 15 s, which is earlier than OpenVPN's last.
`
