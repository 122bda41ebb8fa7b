"""The gateway's MQTT client: waits for the tunnel notification and launches the
localproxy, as the articles' IoT agent does, with paho in place of the SDK that
is built on it."""
import argparse
import json
import logging
import subprocess

import paho.mqtt.client as mqtt

parser = argparse.ArgumentParser()
for name in ("endpoint", "rootCA", "cert", "key", "thing", "region", "localproxy"):
    parser.add_argument("--" + name, required=True)
args = parser.parse_args()
topic = f"$aws/things/{args.thing}/tunnels/notify"
logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger("gateway")


def on_connect(client, _userdata, flags, rc):
    log.info("connected rc=%s session=%s", rc, flags.get("session present"))
    if rc == 0:
        client.subscribe(topic, qos=1)


def on_message(_client, _userdata, message):
    notice = json.loads(message.payload)
    token = notice.get("clientAccessToken")
    if not token:
        return
    # Popen, not the articles' run: that would stop the MQTT loop for as long as
    # the tunnel is open.
    subprocess.Popen(
        [args.localproxy, "localproxy", "-t", token, "-r", args.region,
         "-d", "localhost:22", "-c", args.rootCA])
    log.info("launched localproxy")


client = mqtt.Client(client_id=args.thing, clean_session=False)
client.tls_set(args.rootCA, args.cert, args.key)
client.on_connect = on_connect
client.on_message = on_message
client.on_disconnect = lambda _client, _userdata, rc: log.info("disconnected rc=%s", rc)
client.on_connect_fail = lambda _client, _userdata: log.info("connect failed")
# The article's configureAutoReconnectBackoffTime(1, 32, 20); paho's own is 1 to
# 120 s. The keepalive is paho's default, 60 s, which mosquitto_pub has as well.
client.reconnect_delay_set(min_delay=1, max_delay=32)
client.connect_async(args.endpoint, 8883)
client.loop_forever(retry_first_connection=True)
