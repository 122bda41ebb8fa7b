package phrase

// profilePhrases are about .ovpn files.
func profilePhrases() []phrase {
	return []phrase{
		{"it reads another file (config)", "別のファイルを読み込みます (config)"},
		{"put everything into one", "1 つのファイルにまとめてください"},
		{"dev tap is not supported, only dev tun", "dev tap には対応していません。dev tun だけ使えます"},
		{"tls-verify runs a script, and no scripts are run", "tls-verify はスクリプトを使いますが、スクリプトは実行されません"},
		{"remove the line if the check is not needed", "検査が不要であれば、行を削除してください"},
		{"* without a file asks for a password, and nobody is there to type it", "* にファイル名がないため、パスワードの入力を求めますが、入力する人がいません"},
		{"* (line *)", "* (* 行目)"},
		{"<*> has no end", "<*> が閉じられていません"},
		{"reading the certificate: *", "証明書を読めません: *"},
		{"reading the key: *", "秘密鍵を読めません: *"},
		{"the client certificate is damaged: *", "クライアント証明書が壊れています: *"},
		{"the private key does not belong to the client certificate", "秘密鍵とクライアント証明書が一致しません"},
		{"the OpenVPN file cannot be used: stat *: no such file or directory", "OpenVPN ファイル * がありません"},
		{"the OpenVPN file cannot be used: *", "OpenVPN ファイルを使えません: *"},
	}
}

// linkPhrases are of the daemon's link and DNS stages, and of what stands
// between the system and the agent.
func linkPhrases() []phrase {
	return []phrase{
		{"the daemon does not run: there is no *", "サービスが動作していません (* がありません)"},
		{"the daemon does not run: it ended without removing *", "サービスが動作していません (異常終了し * が残っています)"},
		{"this user may not open *", "このユーザーでは * を開けません"},
		{"the daemon does not answer on *: *", "サービスが * で応答しません: *"},
		{"asking the daemon: *", "サービスへの問い合わせに失敗しました: *"},
		{"nothing from * since *", "* から * 以降応答がありません"},
		{"the uplink is there (* via *)", "外部ネットワークへの経路はあります (*、* 経由)"},
		{"* via * is gone, and there is no other way out", "* (* 経由) がなくなり、ほかに外部ネットワークへの経路がありません"},
		{"* is gone, and there is no other way out", "* がなくなり、ほかに外部ネットワークへの経路がありません"},
		{"the VPN server told this device to stop", "VPN サーバーが停止を指示しました"},
		{"next try at *", "次の試行は *"},
		{"the server's certificate has expired (*)", "サーバー証明書の有効期限が切れています (*)"},
		{"none of * exists", "* のどれもありません"},
		{"* (there: *)", "* (あるのは *)"},
		{"* has no carrier", "* に信号がありません"},
		{"* has no IPv4 address", "* に IPv4 アドレスがありません"},
		{"nothing answers through * (asked *)", "* 経由の応答がありません (問い合わせ先 *)"},
		{"SORACOM answers in * (*), so the modem is left alone", "SORACOM は * で応答 (*)。モデムは操作しません"},
		{"* refuses: no DNS server there", "* に拒否されました。DNS サーバーが動作していません"},
		{"* does not know the endpoint's name", "* にエンドポイントの名前がありません"},
		{"* has no A record for the endpoint's name", "* にエンドポイントの A レコードがありません"},
		{"* gives half an answer, and none over TCP*", "* の応答が途中までで、TCP でも得られません*"},
		{"* answers *, not private", "* の応答 * はプライベートアドレスではありません"},
		{"*: as root, `edgeagent resolver apply` points it at the stub", "*: `sudo edgeagent resolver apply` でエージェントに問い合わせるようにしてください"},
		{"as root, `edgeagent resolver apply` points it at the stub", "`sudo edgeagent resolver apply` でエージェントに問い合わせるようにしてください"},
		{"* names *, not only *", "* の DNS サーバーが * になっています (正しくは * だけ)"},
		{"* names no server", "* に DNS サーバーがありません"},
		{"* leads to *, which is not there", "シンボリックリンク * の先 (*) がありません"},
		{"* is not there", "* がありません"},
		{"listing routes: *", "経路の一覧を取得できません: *"},
		{"listing processes: *", "プロセスの一覧を取得できません: *"},
	}
}

// brokerPhrases are of the broker's session, of TLS and of the kernel.
func brokerPhrases() []phrase {
	return []phrase{
		{"connection refused", "接続を拒否されました"},
		{"no route", "経路がありません"},
		{"closed by the far side", "相手に切断されました"},
		{"no answer within *", "* 以内に応答がありません"},
		{"no answer to TLS within *", "* 以内に TLS の応答がありません"},
		{"closed during the TLS handshake", "TLS の途中で切断されました"},
		{"* refuses this device's certificate: *", "* がこの機器の証明書を拒否しました: *"},
		{"it is valid until * by this device's clock", "この機器の時計では * まで有効です"},
		{"* ends TLS: *", "* が TLS を終了しました: *"},
		{"its certificate, issued by *, does not lead to the CA in *", "証明書の発行者 * を * の CA で検証できません"},
		{"its certificate is for *, not for *", "証明書は * のもので、* のものではありません"},
		{"its certificate expired on *, this device's clock says *", "証明書の有効期限は * ですが、この機器の時計は * です"},
		{"its certificate begins on *, this device's clock says *", "証明書は * から有効ですが、この機器の時計は * です"},
		{"its certificate does not verify: *", "証明書を検証できません: *"},
		{"* answers CONNECT with code *: outside MQTT 3.1.1, AWS IoT's not authorised: *", "* が CONNECT にコード * (AWS IoT の認可エラー) を返しました: *"},
		{"* answers CONNECT with code *: *", "* が CONNECT にコード * を返しました: *"},
		{"closed right after CONNECT: *", "CONNECT の直後に切断されました: *"},
		{"closed right after SUBSCRIBE to *: the IoT policy does not allow it", "* の SUBSCRIBE の直後に切断されました。IoT ポリシーが許可していません"},
		{"the IoT policy does not allow subscribing to * (*)", "IoT ポリシーが * のサブスクライブを許可していません (*)"},
		{"IoT policy, client id, or VPC endpoint condition (aws:SourceVpce)", "IoT ポリシー、クライアント ID、VPC エンドポイントの条件 (aws:SourceVpce) のいずれかです"},
		{"TLS is up, but no answer to CONNECT within *", "TLS は成功しましたが、CONNECT に * 以内に応答がありません"},
		{"what answers is not an MQTT broker", "応答したのは MQTT ブローカーではありません"},
		{"no answer to SUBSCRIBE within *", "SUBSCRIBE に * 以内に応答がありません"},
		{"round trip *", "応答時間 *"},
		{"tls: failed to verify certificate: *", "証明書を検証できません: *"},
		{"x509: certificate signed by unknown authority", "発行元の CA を信頼していません"},
		{"x509: certificate has expired or is not yet valid: *", "証明書が有効期間外です: *"},
		{"no certificate in *", "* に証明書がありません"},
		{"reading tunnel.ca: *", "tunnel.ca を読めません: *"},
		{"open *: no such file or directory", "* がありません"},
		{"open *: permission denied", "* を開く権限がありません"},
		// The widest last.
		{"asking *: *", "* への問い合わせ: *"},
		{"looking up *: *", "* の名前解決: *"},
		{"* expired on *", "*の有効期限が * に切れました"},
		{"* not yet valid: it begins on *, the clock says *", "*は * から有効ですが、この機器の時計は * です"},
		{"no answer from *", "* から応答がありません"},
		{"* since *", "* (* 以降)"},
		{"* answers *", "* の応答は *"},
	}
}
