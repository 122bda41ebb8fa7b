package status

import "edgeagent/internal/phrase"

// waitItJa is waitIt in Japanese.
const waitItJa = "作業は不要です。エージェントが自動で続行します。1 分後に再度確認してください。"

// Shared by stages whose trouble is the same.
const (
	setClockJa  = "時計を合わせてください: `timedatectl set-ntp true`、または手動で `date -s`。NTP (UDP 123) が外へ出られることも確認してください。"
	notBeforeJa = "時計を合わせてください (`timedatectl`)。時計が正しければ、証明書の有効期間の開始日を確認してください。"
	powerJa     = "純正の電源アダプターと短いケーブルを使ってください。USB モデムは電源付きハブへつないでください。"
)

// japanese is for field technicians. Command lines, keys of the configuration
// and the names of stages are as they are typed.
var japanese = catalogue{
	translate: phrase.Japanese,
	words: words{
		OK: "正常", Waiting: "待機中", Starting: "起動中", Degraded: "要注意", Down: "停止", NotConfigured: "未設定",
		StageOK: "正常", StageWaiting: "待機", StageStarting: "起動", StageDegraded: "注意", StageDown: "停止",

		VerdictFor: "%s (%s経過): %s", Verdict: "%s: %s", About: "edgeagent %s、稼働 %s", WaitingFor: "%s を待っています",
		Next: "対処: ", Note: "注意: ", More: "詳細: ", Found: "状況: ",
		Seconds: "%d秒", Minutes: "%d分", Hours: "%d時間%d分", Days: "%d日%d時間",

		LastHour: "直近 1 時間", RoundTrip: "応答時間", Losses: "切断回数", Received: "受信", Sent: "送信",
	},
	texts: map[string]map[Reason]text{
		"config": {
			ReasonNotConfigured: {"設定の記入を待っています", "足りない項目を記入してください。記入が終わると自動で起動します。"},
			ReasonBadConfig:     {"設定に誤りがあります", "上に示した箇所を直してください。直すと自動で起動します。"},
		},
		"link": {
			ReasonConnecting:       {"リンクを接続しています", waitItJa},
			ReasonRecovering:       {"リンクを復旧しています", waitItJa},
			ReasonNoUplink:         {"この機器から外部ネットワークへの経路がありません", "この機器とルーターのケーブル、Wi-Fi、SIM を確認してください。`ip route` にデフォルトルートが表示されれば正常です。"},
			ReasonNoName:           {"VPN サーバーの名前を解決できません", "現場の DNS が応答するか (`resolvectl query` または `dig` で VPN サーバーの名前を照会)、.ovpn ファイルの `remote` 行が正しいかを確認してください。"},
			ReasonNoAnswer:         {"VPN サーバーが応答しません", "現場のファイアウォールで VPN のポート (UDP または TCP 443) を外向きに許可してください。次に、クライアント VPN エンドポイントが利用可能か確認してください。"},
			ReasonAuthFailed:       {"VPN サーバーがこの機器の接続を拒否しています", "AWS コンソールで、このクライアント証明書が失効していないこと、承認ルールがあることを確認してください。"},
			ReasonCertExpired:      {"この機器の VPN 証明書の有効期限が切れています", "新しいクライアント証明書を発行し、`links[].cert` または .ovpn ファイルの古い証明書と入れ替えてください。"},
			ReasonCertNotYetValid:  {"この機器の VPN 証明書はまだ有効期間前です", notBeforeJa},
			ReasonCertRejected:     {"この機器の VPN 証明書または秘密鍵が受け付けられません", "証明書と秘密鍵が対になっているか、クライアント VPN エンドポイントが信頼する CA で発行されたものかを確認してください。"},
			ReasonServerCert:       {"VPN サーバーの証明書を検証できません", ".ovpn ファイルの <ca> を ACM の証明書と照合し、有効期間と、この機器の時計を確認してください。"},
			ReasonServerHalt:       {"VPN サーバーがこの機器に停止を指示しました", "クライアント VPN エンドポイントの管理者に切断の理由を確認し、その後 `edgeagent link restart` を実行してください。"},
			ReasonClock:            {"この機器の時計が正しくありません", setClockJa},
			ReasonProcessExited:    {"openvpn が動作していません", "`journalctl -u edgeagent -n 50` に最後のログがあります。openvpn パッケージがインストールされているか確認してください。"},
			ReasonTunUnavailable:   {"カーネルの tun デバイスが使えません", "`modprobe tun` を実行し、/dev/net/tun があること、サービスに CAP_NET_ADMIN があることを確認してください。"},
			ReasonBadConfig:        {"openvpn が設定ファイルを受け付けません", "上に示した行の .ovpn ファイルの記述を直し、その後 `edgeagent link restart` を実行してください。"},
			ReasonInterfaceMissing: {"リンクのネットワークインターフェイスがありません", "モデムまたはドングルが差し込まれ、電源が入っているか確認してください。`ip link` に表示されれば正常です。"},
			ReasonNoCarrier:        {"リンクのネットワークインターフェイスに信号がありません", "モデムまたはルーターのケーブル、アンテナ、SIM と、接続を行うプログラム (`nmcli device`、`systemctl status`) を確認してください。"},
			ReasonNoAddress:        {"リンクのネットワークインターフェイスに IP アドレスがありません", "接続の APN、ユーザー名、パスワードと、SIM が使用中の状態かを確認してください。`ip addr` に IPv4 アドレスが表示されれば正常です。"},
			ReasonNoRoute:          {"ほかのプログラムが VPC のアドレスを別の経路へ送っています", "その経路またはルールを設定しているものを探してください: `ip route get ADDRESS`、`ip rule`。"},
			ReasonVPCSilent:        {"通信事業者の網は応答しますが、VPC 内からの応答がありません", "SIM グループの Virtual Private Gateway (Canal)、VPC ピアリング、ルートテーブル、リゾルバーのセキュリティグループを確認してください。モデムは正常です。"},
			ReasonStandby:          {"リンクは予備として待機しています", waitItJa},
			ReasonFailover:         {"優先リンクが停止しており、別のリンクで通信しています", "優先リンクを確認してください。`edgeagent link list` に原因が表示されます。"},

			ReasonSIMLocked:          {"SIM がロックされています", "`sudo mmcli -i any --pin=PIN` を実行するか、接続に PIN を登録してください (`nmcli connection modify NAME gsm.pin PIN`)。"},
			ReasonSIMMissing:         {"モデムが使用できる SIM を認識していません", "SIM を正しい向きで挿入してください (接点の汚れも確認)。その後、モデムを抜いて差し直してください。"},
			ReasonRegistrationDenied: {"携帯電話網がこの SIM の接続を許可していません", "通信事業者側 (SORACOM ユーザーコンソール) で、SIM が使用中であること、休止中でないこと、別のモデムの IMEI に固定されていないこと、ローミングが許可されていることを確認してください。"},
			ReasonAPNRefused:         {"携帯電話網が APN、ユーザー名またはパスワードを拒否しています", "設定を確認してください: `nmcli connection modify NAME gsm.apn soracom.io gsm.username sora gsm.password sora`。"},
			ReasonConnectionMissing:  {"その名前の接続が NetworkManager にありません", "`links[].connection` を直すか、接続を作成してください: `nmcli connection add type gsm ifname '*' con-name NAME apn soracom.io user sora password sora`。"},
			ReasonUnitMissing:        {"その名前のユニットが systemd にありません", "`links[].unit` を直してください。名前は `systemctl list-unit-files` で確認できます。"},
		},
		"dns": {
			ReasonConnecting:    {"VPC のリゾルバーに問い合わせています", waitItJa},
			ReasonNoAnswer:      {"VPC のリゾルバーが応答しません", "リンク経由で VPC の DNS に届くか確認してください: リゾルバーのアドレス、承認ルール、セキュリティグループ (UDP と TCP 53)。"},
			ReasonServerFailed:  {"VPC のリゾルバーがエラーを返しています", "VPC のリゾルバーと、Route 53 の転送ルールを確認してください。"},
			ReasonNXDomain:      {"VPC のリゾルバーにエンドポイントの名前がありません", "プライベートホストゾーンにエンドポイントのレコードを作成し、この VPC に関連付けてください。`endpoint.host` も確認してください。"},
			ReasonPublicAnswer:  {"VPC のリゾルバーがパブリックアドレスを返しています", "エンドポイントの名前がプライベートアドレスになるよう、プライベートホストゾーンをこの VPC に関連付けてください。"},
			ReasonHostTrampled:  {"この機器の名前解決がエージェントを通っていません", "`sudo edgeagent resolver apply` で元に戻ります。/etc/resolv.conf を書き換えているものを探してください。"},
			ReasonProcessExited: {"DNS スタブが動作していません", "理由は `journalctl -u edgeagent -n 50` にあります。`resolver.listen` のアドレスをほかのプログラムが使っていないか確認してください。"},
		},
		"endpoint": {
			ReasonConnecting: {"エンドポイントのアドレスを検証しています", waitItJa},
			ReasonPublic:     {"エンドポイントの名前がパブリックアドレスになるため、通信を遮断しています", "プライベートホストゾーンをこの VPC に関連付けてください。それまでは何も送信しません。プライベートとみなす範囲は `private_cidrs` です。"},
			ReasonNoRoute:    {"エンドポイント宛ての通信がリンクを通りません", "`ip route get ADDRESS` で、どこへ送られるか確認してください: 同じアドレス範囲の LAN、または別の VPN です。"},
			ReasonNoAddress:  {"エンドポイントの名前にアドレスがありません", "プライベートホストゾーンのレコードと、設定の `endpoint.host` を確認してください。"},
			ReasonLeak:       {"この機器のほかのプログラムでは、エンドポイントの名前解決の結果が異なります", "`sudo edgeagent resolver apply` を実行し、/etc/resolv.conf を確認してください。エージェント自身は閉域の経路を使い続けます。"},
		},
		"broker": {
			ReasonConnecting:      {"MQTT セッションを開始しています", waitItJa},
			ReasonRefused:         {"AWS IoT がこの機器の接続を拒否しています", "IoT ポリシー (接続、クライアント ID、aws:SourceVpce) と、証明書が有効でモノにアタッチされていることを確認してください。"},
			ReasonUnreachable:     {"エンドポイントのポートに接続できません", "VPC エンドポイントのセキュリティグループで、VPN のアドレス範囲からの TCP 8883 を許可してください。"},
			ReasonTLS:             {"エンドポイントとの TLS 接続に失敗しています", "`mqtt.ca` (Amazon Root CA 1)、エンドポイントの `-ats` の名前、デバイス証明書が AWS IoT で有効であることを確認してください。"},
			ReasonTakenOver:       {"別の機器が同じクライアント ID を使っています", "`device.thing` または `mqtt.client_id` が同じ別の機器を探し、固有の ID を設定してください。"},
			ReasonUnsubscribed:    {"トンネル通知のサブスクライブが拒否されています", "IoT ポリシーで、$aws/things/THING/tunnels/notify に対する iot:Subscribe と iot:Receive を許可してください。"},
			ReasonNoPing:          {"MQTT セッションが応答しなくなりました", waitItJa},
			ReasonClock:           {"この機器の時計が正しくありません", setClockJa},
			ReasonCertExpired:     {"この機器の IoT 証明書の有効期限が切れています", "AWS IoT で新しい証明書を作成し、ポリシーとモノをアタッチして、`mqtt.cert` と `mqtt.key` のファイルを入れ替えてください。"},
			ReasonCertNotYetValid: {"この機器の IoT 証明書はまだ有効期間前です", notBeforeJa},
			ReasonNoAnswer:        {"ブローカーが応答しません", waitItJa},
		},
		"tunnel": {
			ReasonRefused:       {"直前のトンネルは拒否されました", "上に示した点を直してから、トンネルを開き直してください。許可されているサービスは `tunnel.services` です。"},
			ReasonProxyMissing:  {"localproxy プログラムがありません", "`tunnel.proxy: builtin` に設定するか、指定したプログラムをインストールしてください。"},
			ReasonNameMissing:   {"トンネリングエンドポイントの名前を VPC 内で解決できません", "プライベートホストゾーンにトンネリング用のレコードを追加するか (docs/aws-setup.md 参照)、iot.tunneling.data の VPC エンドポイントを作成してください。"},
			ReasonNoAnswer:      {"トンネリングエンドポイントの名前の問い合わせに応答がありません", "リンク経由で VPC の DNS に届くことを確認し、トンネルを開き直してください。"},
			ReasonUnreachable:   {"開いているトンネルがトンネリングサービスに接続できません", "VPC エンドポイント iot.tunneling.data のセキュリティグループで、VPN のアドレス範囲からの TCP 443 を許可してください。"},
			ReasonTLS:           {"トンネリングサービスとの TLS 接続に失敗しています", "`tunnel.ca` (AWS では空欄) とこの機器の時計を確認し、トンネルを開き直してください。"},
			ReasonProcessExited: {"直前のトンネルのプロキシが異常終了しました", "トンネルを開き直してください。プロキシの最後のログは `journalctl -u edgeagent -n 50` にあります。"},
		},
		"daemon": {
			ReasonUnreachable: {"edgeagent のサービスが動作していません", "`sudo systemctl start edgeagent` を実行してください。すぐに止まる場合は `journalctl -u edgeagent -n 50` を確認してください。"},
			ReasonNoAnswer:    {"edgeagent のサービスが応答しません", "`journalctl -u edgeagent -n 50` で動作を確認してください。`sudo systemctl restart edgeagent` で再起動できます。"},
			ReasonRefused:     {"このユーザーには edgeagent のサービスへ問い合わせる権限がありません", "sudo を付けて実行してください。`sudo systemctl restart edgeagent` でディレクトリの権限が元に戻ります。"},
		},
		stageAny: {
			ReasonWaiting:  {"前の段階を待っています", waitItJa},
			ReasonDisabled: {"設定で無効になっています", "この機器で使う場合は、/etc/edgeagent/edgeagent.yaml で有効にしてください。"},
			ReasonInternal: {"予期しない障害が発生しました", "`journalctl -u edgeagent -n 50` に詳細があります。内容を管理者に連絡してください。"},
		},
	},
	dialled: map[Reason]string{ReasonNoAnswer: "リンクの先から応答がありません"},
	warnings: map[WarningID]text{
		WarnRefused:     {"変更は適用されず、以前の状態で動作しています", "示された点を直し、`sudo systemctl reload edgeagent` を実行してください。"},
		WarnVPNCert:     {"VPN 証明書の有効期限が近づいています", "期限までに新しいクライアント証明書を発行し、古いものと入れ替えてください。"},
		WarnIoTCert:     {"IoT 証明書の有効期限が近づいています", "期限までに AWS IoT で新しい証明書を作成し、ポリシーとモノをアタッチして、ファイルを入れ替えてください。"},
		WarnClock:       {"この機器の時計が時刻サーバーと同期していません", "`timedatectl set-ntp true` を実行し、NTP (UDP 123) が外へ出られることを確認してください。"},
		WarnChattyPing:  {"従量課金のリンクで VPN サーバーが頻繁に ping を送っています", ".ovpn ファイルに `pull-filter ignore \"ping \"` と `ping 10` の 2 行を追加してください。"},
		WarnVoltage:     {"電圧が低下しています (電源の容量不足)", powerJa},
		WarnVoltagePast: {"起動後に電圧低下がありました", powerJa},
		WarnLeak:        {"この機器のほかのプログラムが VPC のリゾルバーを使っていません", "`sudo edgeagent resolver apply` を実行し、/etc/resolv.conf を確認してください。エージェント自身は閉域の経路を使い続けます。"},
	},
	hints: map[string]string{
		"Set the clock (timedatectl); a device without a battery clock needs NTP.":                                               "時計を合わせてください (timedatectl)。電池付きの時計がない機器では NTP が必要です。",
		"Check this device's clock (timedatectl); if it is right, the VPN server needs a new certificate.":                       "この機器の時計を確認してください (timedatectl)。正しければ、VPN サーバーの証明書の更新が必要です。",
		"Download the client configuration again, or correct <ca> in the OpenVPN file.":                                          "クライアント設定をもう一度ダウンロードするか、OpenVPN ファイルの <ca> を直してください。",
		"Load the kernel module: `modprobe tun`, and add tun to /etc/modules-load.d/.":                                           "カーネルモジュールを読み込み (`modprobe tun`)、/etc/modules-load.d/ に tun を追加してください。",
		"The agent needs CAP_NET_ADMIN and access to /dev/net/tun: start it by its systemd unit.":                                "エージェントには CAP_NET_ADMIN と /dev/net/tun へのアクセスが必要です。systemd のユニットから起動してください。",
		"Another program has this tun device: use `dev tun` without a number.":                                                   "ほかのプログラムがこの tun デバイスを使っています。番号のない `dev tun` にしてください。",
		"nothing to do: the path goes back by itself.":                                                                           "作業は不要です。経路は自動で元に戻ります。",
		"Find what sets that route or rule: `ip route get ADDRESS`, `ip rule`.":                                                  "その経路またはルールを設定しているものを探してください: `ip route get ADDRESS`、`ip rule`。",
		"Give the key without a passphrase, or put `askpass FILE` into the OpenVPN file.":                                        "パスフレーズのない秘密鍵にするか、OpenVPN ファイルに `askpass FILE` を追加してください。",
		"check the files named in mqtt.ca, mqtt.cert and mqtt.key: PEM, readable by the agent, certificate and key of one pair.": "mqtt.ca、mqtt.cert、mqtt.key のファイルを確認してください: PEM 形式であること、エージェントが読めること、証明書と秘密鍵が対であること。",
		"check that the certificate is registered and active in AWS IoT, and that mqtt.cert is the right file.":                  "証明書が AWS IoT に登録されて有効であること、mqtt.cert が正しいファイルであることを確認してください。",
		"compare this device's clock with the true time; renew the certificate if it is right.":                                  "この機器の時計を実際の時刻と比べてください。正しければ、証明書を更新してください。",
		"check endpoint.host, and that the private hosted zone's record leads to the right VPC endpoint.":                        "endpoint.host と、プライベートホストゾーンのレコードが正しい VPC エンドポイントを指していることを確認してください。",
		"find what cuts connections on the way, as firewalls do; check that the certificate is active in AWS IoT.":               "途中で接続を切断しているもの (ファイアウォールなど) を探し、証明書が AWS IoT で有効であることを確認してください。",
		"compare this device's clock with the true time; if it is right, the broker's certificate must be renewed.":              "この機器の時計を実際の時刻と比べてください。正しければ、ブローカーの証明書の更新が必要です。",
		"allow iot:Publish and iot:RetainPublish on the topic, or empty mqtt.status_topic.":                                      "そのトピックに対する iot:Publish と iot:RetainPublish を許可するか、mqtt.status_topic を空欄にしてください。",
		"load the operator's profile into the eSIM.":                                                                             "通信事業者のプロファイルを eSIM に書き込んでください。",
		"too many wrong PINs: `sudo mmcli -i any --puk=PUK --pin=NEWPIN`; the operator has the PUK.":                             "PIN の誤入力が上限に達しました: `sudo mmcli -i any --puk=PUK --pin=NEWPIN`。PUK は通信事業者に確認してください。",
		"open the tunnel again or rotate its tokens: a token serves one device once, and only while its tunnel is open.":         "トンネルを開き直すか、アクセストークンをローテーションしてください。トークンは 1 台の機器で 1 回だけ、トンネルが開いている間に限り使えます。",
		"Add the server's cipher to `data-ciphers` in the OpenVPN file.":                                                         "OpenVPN ファイルの `data-ciphers` に、サーバーの暗号方式を追加してください。",
		"Compare the server's certificate with verify-x509-name in the OpenVPN file.":                                            "サーバーの証明書を OpenVPN ファイルの verify-x509-name と照合してください。",
		"If other devices at this site fail too, large packets may be lost: try a lower mtu.":                                    "この現場のほかの機器も失敗する場合は、大きなパケットが失われている可能性があります。mtu を小さくしてみてください。",
		"Set resolver.servers to the VPC's resolver: nothing pushes it over this link.":                                          "resolver.servers に VPC のリゾルバーを設定してください。このリンクでは自動で配布されません。",
		"Set resolver.servers to the VPC's resolver.":                                                                            "resolver.servers に VPC のリゾルバーを設定してください。",
		"Look at signal and SIM (`mmcli -m any`), then at the SORACOM console; on another carrier, at the far side's routes.":    "電波と SIM (`mmcli -m any`)、次に SORACOM ユーザーコンソールを確認してください。ほかの通信事業者では、接続先のルートを確認してください。",
		"Look at the far side's routes and security groups.":                                                                     "接続先のルートとセキュリティグループを確認してください。",
		"Put the certificate and the key that were issued together into the OpenVPN file.":                                       "一緒に発行された証明書と秘密鍵を OpenVPN ファイルに入れてください。",
		"Put `auth-user-pass FILE` into the OpenVPN file.":                                                                       "OpenVPN ファイルに `auth-user-pass FILE` を追加してください。",
		"It is being made anew. If this repeats, keep NetworkManager, dhcpcd or scripts off tun devices.":                        "自動で作り直しています。繰り返す場合は、NetworkManager、dhcpcd、スクリプトが tun デバイスを操作しないように設定してください。",
		"Look at the VPN endpoint's authorization rules and security groups.":                                                    "VPN エンドポイントの承認ルールとセキュリティグループを確認してください。",
		"Install it: apt install openvpn.":                                                                                       "インストールしてください: apt install openvpn。",
		"Correct that line of the OpenVPN file, or download it again.":                                                           "OpenVPN ファイルのその行を直すか、もう一度ダウンロードしてください。",
		"Correct the file, or download it again.":                                                                                "ファイルを直すか、もう一度ダウンロードしてください。",
	},
}
