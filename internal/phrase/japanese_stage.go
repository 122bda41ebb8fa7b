package phrase

// stagePhrases are of the daemon's stages, as status shows them.
func stagePhrases() []phrase {
	return []phrase{
		// config
		{"fill in * in *", "*2 に *1 を記入してください"},
		{"put * missing file in place", "足りないファイル * 個を配置してください"},
		{"put * missing files in place", "足りないファイル * 個を配置してください"},
		{"* fault in * and the files it names", "*2 と、そこに書かれたファイルに、誤りが *1 件あります"},
		{"* faults in * and the files it names", "*2 と、そこに書かれたファイルに、誤りが *1 件あります"},
		{"the changed configuration is refused, the old one stays: *", "変更した設定に誤りがあるため、以前の設定のままです: *"},
		{"line *: *", "* 行目: *"}, {"warning: *", "注意: *"},

		// link
		{"this device has no way out: no network with a route", "この機器から外部ネットワークへの経路がありません"},
		{"there is no route to *", "* への経路がありません"},
		{"there is no *", "* がありません"},
		{"* does not answer", "* が応答しません"},
		{"* answered, then fell silent before the connection was made", "* は応答しましたが、接続の途中で応答がなくなりました"},
		{"* refuses: no VPN server listens there", "* に拒否されました。VPN サーバーが動作していません"},
		{"* fell silent after it was shown the client certificate", "クライアント証明書を提示すると、* の応答がなくなりました"},
		{"the VPN server's name does not resolve: *", "VPN サーバーの名前を解決できません: *"},
		{"the server's certificate is not yet valid (*): this device's clock is behind", "サーバー証明書がまだ有効期間前です (*)。この機器の時計が遅れています"},
		{"the client certificate is not yet valid", "クライアント証明書がまだ有効期間前です"},
		{"openvpn (pid *) ended with code *", "openvpn (pid *) がコード * で終了しました"},
		{"openvpn (pid *) was ended by signal * (*)", "openvpn (pid *) がシグナル * (*) で終了しました"},
		{"openvpn (pid *) hangs: it has said nothing for *", "openvpn (pid *) が * の間応答していません"},
		{"no device has the address *", "* のアドレスを持つデバイスがありません"},
		{"connected to *, asking *", "* に接続し、* に問い合わせています"},
		{"asking * through *", "*2 経由で *1 に問い合わせています"},
		{"looking for the device", "デバイスを探しています"},
		{"nothing answers through * (asked *), nor does *", "* 経由の応答がありません (問い合わせ先 *、*)"},
		{"* is well again, back to it at *", "* が復旧しました。切り替えは *2 です"},
		{"another program routes * elsewhere", "ほかのプログラムが * を別の経路へ送っています"},
		{"reconnect at *", "再接続は *"}, {"reread the configuration at *", "設定の再読み込みは *"},
		{"new process at *", "openvpn の再起動は *"}, {"start over at *", "最初からのやり直しは *"},
		{"activate the connection at *", "接続のやり直しは *"}, {"turn the modem off and on at *", "モデムの電源の入れ直しは *"},
		{"reset the modem at *", "モデムのリセットは *"}, {"restart ModemManager at *", "ModemManager の再起動は *"},
		{"replug the modem by software at *", "モデムの抜き差し (ソフトウェア) は *"}, {"reboot this device at *", "この機器の再起動は *"},
		{"next: *", "次の動作: *"},

		// dns, endpoint
		{"* refuses: no DNS server there since *", "* に拒否されました。DNS サーバーが動作していません (* 以降)"},
		{"no answer from * since *", "* から応答がありません (* 以降)"},
		{"holding until *", "* まで前回の応答を使います"},
		{"holding * until *", "*2 まで前回の応答 *1 を使います"},
		{"closed: *", "遮断中: *"},
		{"other programs on this device do not ask the agent", "この機器のほかのプログラムがエージェントを使っていません"},
		{"other programs on this device do not ask the agent: changed by *", "この機器のほかのプログラムがエージェントを使っていません (変更したもの: *)"},
		{"* is a directory", "* がディレクトリです"},
		{"whoever deleted it (*)", "不明、削除されました (*)"},
		{"other programs on this device get no answer: *", "この機器のほかのプログラムに応答が返りません: *"},
		{"other programs on this device get *, not *", "この機器のほかのプログラムに返る応答は * です (正しくは *)"},

		// broker, tunnel
		{"client certificate", "クライアント証明書"}, {"this device's certificate", "この機器の証明書"},
		{"the IoT policy does not allow subscribing to * (*): no tunnel can be opened", "IoT ポリシーが * のサブスクライブを許可していないため (*)、トンネルを開けません"},
		{"another device uses the client id *: the broker has closed * sessions soon after they began, the last after *", "別の機器がクライアント ID * を使っています: セッションが開始直後に * 回切断されました (最後は * 後)"},
		{"* closed the session after *", "* が * 後にセッションを切断しました"},
		{"connecting again", "再接続しています"},
		{"* is no longer an address of the endpoint", "* はエンドポイントのアドレスではなくなりました"},
		{"connecting to another", "別のアドレスに接続しています"},
		{"connecting to *", "* に接続しています"},
		{"*service * is not in tunnel.services (*)", "*サービス * は tunnel.services (*) にありません"},
		{"*the VPC resolver has no *", "*VPC のリゾルバーに * がありません"},
	}
}
