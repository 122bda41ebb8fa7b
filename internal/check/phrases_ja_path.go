package check

// profilePhrases are about .ovpn files.
func profilePhrases() []phrase {
	return []phrase{
		{"it reads another file (config)", "別のファイルを読み込む (config)"},
		{"put everything into one", "1 つのファイルにまとめる"},
		{"dev tap is not supported, only dev tun", "dev tap には対応していない。dev tun だけ使える"},
		{"tls-verify runs a script, and no scripts are run", "tls-verify はスクリプトを使うが、スクリプトは実行されない"},
		{"remove the line if the check is not needed", "検査が不要なら行を削除する"},
		{"* without a file asks for a password, and nobody is there to type it", "* にファイル名がなくパスワードの入力を求めるが、入力する人がいない"},
		{"* (line *)", "* (* 行目)"},
		{"<*> has no end", "<*> が閉じられていない"},
		{"reading the certificate: *", "証明書を読めない: *"},
		{"reading the key: *", "鍵を読めない: *"},
		{"the client certificate is damaged: *", "クライアント証明書が壊れている: *"},
		{"the private key does not belong to the client certificate", "鍵とクライアント証明書が一致しない"},
		{"the OpenVPN file cannot be used: stat *: no such file or directory", "OpenVPN ファイル * がない"},
		{"the OpenVPN file cannot be used: *", "OpenVPN ファイルを使えない: *"},
	}
}

// linkPhrases are of the daemon's link and DNS stages, and of what stands
// between the system and the agent.
func linkPhrases() []phrase {
	return []phrase{
		{"the daemon does not run: there is no *", "サービスが動いていない (* がない)"},
		{"the daemon does not run: it ended without removing *", "サービスが動いていない (異常終了し * が残っている)"},
		{"this user may not open *", "このユーザーでは * を開けない"},
		{"the daemon does not answer on *: *", "サービスが * で応答しない: *"},
		{"asking the daemon: *", "サービスへの問い合わせに失敗: *"},
		{"nothing from * since *", "* から * 以降応答がない"},
		{"the uplink is there (* via *)", "外への経路はある (*、* 経由)"},
		{"* via * is gone, and there is no other way out", "* (* 経由) がなくなり、ほかに外への経路がない"},
		{"the VPN server told this device to stop", "VPN サーバーが停止を指示した"},
		{"next try at *", "次の試行は *"},
		{"the server's certificate has expired (*)", "サーバー証明書の期限切れ (*)"},
		{"none of * exists", "* のどれもない"},
		{"* (there: *)", "* (あるのは *)"},
		{"* has no carrier", "* がリンクアップしていない"},
		{"* has no IPv4 address", "* に IPv4 アドレスがない"},
		{"nothing answers through * (asked *)", "* 経由の応答がない (問い合わせ先 *)"},
		{"SORACOM answers in * (*), so the modem is left alone", "SORACOM は * で応答 (*)。モデムには触らない"},
		{"* refuses: no DNS server there", "* に拒否された。DNS サーバーが動いていない"},
		{"* does not know the endpoint's name", "* はエンドポイントの名前を知らない"},
		{"* has no A record for the endpoint's name", "* にエンドポイントの A レコードがない"},
		{"* gives half an answer, and none over TCP*", "* の応答が途中までで、TCP でも得られない*"},
		{"* answers *, not private", "* の応答 * はプライベートアドレスではない"},
		{"*: as root, `edgeagent resolver apply` points it at the stub", "*: `sudo edgeagent resolver apply` でエージェントに向ける"},
		{"as root, `edgeagent resolver apply` points it at the stub", "`sudo edgeagent resolver apply` でエージェントに向ける"},
		{"* names *, not only *", "* の DNS サーバーが * になっている (正しくは * だけ)"},
		{"* names no server", "* に DNS サーバーがない"},
		{"* leads to *, which is not there", "* のリンク先 * がない"},
		{"* is not there", "* がない"},
		{"listing routes: *", "経路の一覧を取得できない: *"},
		{"listing processes: *", "プロセスの一覧を取得できない: *"},
	}
}

// brokerPhrases are of the broker's session, of TLS and of the kernel.
func brokerPhrases() []phrase {
	return []phrase{
		{"connection refused", "接続を拒否された"},
		{"no route", "経路がない"},
		{"closed by the far side", "相手に切断された"},
		{"no answer within *", "* 以内に応答がない"},
		{"no answer to TLS within *", "* 以内に TLS の応答がない"},
		{"closed during the TLS handshake", "TLS の途中で切断された"},
		{"* refuses this device's certificate: *", "* がこの機器の証明書を拒否した: *"},
		{"it is valid until * by this device's clock", "この機器の時計では * まで有効"},
		{"* ends TLS: *", "* が TLS を終了した: *"},
		{"its certificate, issued by *, does not lead to the CA in *", "証明書の発行者 * を * の CA で検証できない"},
		{"its certificate is for *, not for *", "証明書は * のもので、* のものではない"},
		{"its certificate expired on *, this device's clock says *", "証明書の期限は *。この機器の時計は *"},
		{"its certificate begins on *, this device's clock says *", "証明書は * から有効。この機器の時計は *"},
		{"its certificate does not verify: *", "証明書を検証できない: *"},
		{"* answers CONNECT with code *: outside MQTT 3.1.1, AWS IoT's not authorised: *", "* が CONNECT にコード * (AWS IoT の認可エラー) を返した: *"},
		{"* answers CONNECT with code *: *", "* が CONNECT にコード * を返した: *"},
		{"closed right after CONNECT: *", "CONNECT の直後に切断された: *"},
		{"closed right after SUBSCRIBE to *: the IoT policy does not allow it", "* の SUBSCRIBE の直後に切断された。IoT ポリシーが許可していない"},
		{"the IoT policy does not allow subscribing to * (*)", "IoT ポリシーが * の購読を許可していない (*)"},
		{"IoT policy, client id, or VPC endpoint condition (aws:SourceVpce)", "IoT ポリシー、クライアント ID、VPC エンドポイントの条件 (aws:SourceVpce) のいずれか"},
		{"TLS is up, but no answer to CONNECT within *", "TLS は成功したが、CONNECT に * 以内に応答がない"},
		{"what answers is not an MQTT broker", "応答したのは MQTT ブローカーではない"},
		{"no answer to SUBSCRIBE within *", "SUBSCRIBE に * 以内に応答がない"},
		{"round trip *", "往復 *"},
		{"tls: failed to verify certificate: *", "証明書を検証できない: *"},
		{"x509: certificate signed by unknown authority", "発行元の CA を信頼していない"},
		{"x509: certificate has expired or is not yet valid: *", "証明書が有効期間外: *"},
		{"no certificate in *", "* に証明書がない"},
		{"reading tunnel.ca: *", "tunnel.ca を読めない: *"},
		{"open *: no such file or directory", "* がない"},
		{"open *: permission denied", "* を開く権限がない"},
		// The widest last.
		{"no answer from *", "* から応答がない"},
		{"* since *", "* (* 以降)"},
		{"* answers *", "* の応答は *"},
	}
}
