package check

import "slices"

// japanesePhrases are what the agent's other parts, the kernel and the C library
// say. The more specific come first. What is missing here is shown in English.
func japanesePhrases() []phrase {
	all := slices.Concat(filePhrases(), refusalPhrases(), configPhrases())
	all = append(all, profilePhrases()...)
	all = append(all, linkPhrases()...)
	all = append(all, brokerPhrases()...)
	return append(all, acceptsPhrases()...)
}

// filePhrases are about the files that the configuration names.
func filePhrases() []phrase {
	return []phrase{
		{"the text inside is protected by a passphrase", "ファイル内の鍵にパスフレーズが付いている"},
		{"the private key is protected by a passphrase", "秘密鍵にパスフレーズが付いている"},
		{"*the default * does not exist", "*既定の * がない"},
		{"* does not exist", "* がない"},
		{"* is not a regular file", "* は通常のファイルではない"},
		{"* is where the service cannot see it: *", "* はサービスから見えない場所にある (*)"},
		{"* is larger than 1 MiB", "* が 1 MiB を超えている"},
		{"* does not belong to the certificate", "* が証明書と一致しない"},
		{"* (*) holds a secret, and every user of this device can get at it", "* (*) は秘密のファイルだが、全ユーザーが読める"},
		{"* (*) can be changed by every user of this device", "* (*) を全ユーザーが変更できる"},
		{"* is no OpenVPN client configuration: it has no remote", "* は OpenVPN のクライアント設定ではない (remote 行がない)"},
		{"* has no client certificate: AWS's download comes without one", "* にクライアント証明書がない (AWS からのダウンロードには付いていない)"},
		{"* is empty", "* が空"},
		{"* is UTF-16 text", "* が UTF-16 で保存されている"},
		{"* begins with a byte order mark, which hides its first line", "* の先頭に BOM があり、1 行目を読めない"},
		{"* is damaged or cut off: a line \"-----BEGIN\" without its \"-----END\"", "* が途中で切れている (\"-----BEGIN\" に対応する \"-----END\" がない)"},
		{"* holds no PEM text", "* は PEM 形式ではない"},
		{"* is a certificate in DER form", "* は DER 形式の証明書"},
		{"* is a private key in DER form", "* は DER 形式の秘密鍵"},
		{"* is protected by a passphrase", "* にパスフレーズが付いている"},
		{"* holds a damaged certificate", "* の証明書が壊れている"},
		{"* holds the certificate of *, which is no CA", "* の証明書 (*) は CA ではない"},
		{"* holds *, and no *", "* の中身が違う: *。必要なもの: *"},
		{"* (*) cannot be read by user *", "* (*) をユーザー * が読めない"},
		{"* cannot be read by user *: the directory * (*) is closed to it", "* をユーザー * が読めない。ディレクトリ * (*) に入れない"},
		{"* cannot be read by user *, although owners and modes allow it", "* をユーザー * が読めない (所有者とモードは正しい)"},
		{"* cannot be read by user *", "* をユーザー * が読めない"},
		{"* cannot be opened: *", "* を開けない: *"},
		{"* is not a program", "* はプログラムではない"},
		{"asks for a password, and nobody is there to type it", "パスワードの入力を求めるが、入力する人がいない"},
		{"the endpoint wants people to sign on in a browser (SAML)", "エンドポイントがブラウザーでのログイン (SAML) を求める"},
		{"put the file there, or correct the path", "ファイルを置くか、パスを直す"},
		{"put the right file there", "正しいファイルを置く"},
		{"put the PEM file of the * there", "PEM 形式のファイル (*) を置く"},
		{"put the file of the * there", "正しいファイル (*) を置く"},
		{"put the two that were issued together there", "同時に発行された証明書と鍵を置く"},
		{"put the CA's certificate there", "CA の証明書を置く"},
		{"put the file downloaded from AWS Client VPN there", "AWS Client VPN からダウンロードしたファイルを置く"},
		{"copy it again", "コピーし直す"},
		{"make it plain text", "通常のテキストに変換する"},
		{"make it PEM", "PEM 形式に変換する"},
		{"remove the mark", "BOM を取り除く"},
		{"take the passphrase off: nobody is there to type it", "パスフレーズを外す (入力する人がいない)"},
		{"close it to them", "権限を制限する"},
		{"give it to the group *", "グループ * に読み取りを許可する"},
		{"open the directory to the group *", "ディレクトリをグループ * に開放する"},
		{"move the file to * and write its new path", "ファイルを * に移し、新しいパスを書く"},
		{"look for an access control list (getfacl) or a security module on its way", "ACL (getfacl) またはセキュリティモジュールを調べる"},
		{"add <cert> and <key> to it, or set cert and key here", "<cert> と <key> を追加するか、設定の cert と key に書く"},
		{"give the device an endpoint with mutual (certificate) authentication", "相互認証 (証明書) のエンドポイントを使う"},
		{"name a file after it that holds the answer, or delete the line", "答えを書いたファイル名を続けるか、行を削除する"},
		{"install the program, or write builtin", "プログラムを入れるか、builtin と書く"},
	}
}

// configPhrases are about the values in the configuration. What is accepted
// follows in the schema's own words, most of which are keys and ranges.
func configPhrases() []phrase {
	return []phrase{
		{"does not exist", "ファイルがない"},
		{"accepted: *", "使える値: *"},
		{"unknown key", "知らないキー"},
		{"did you mean *?", "* の間違いか確認する"},
		{"delete the line", "行を削除する"},
		{"missing", "未記入"},
		{"empty", "空欄"},
		{"no value", "値がない"},
		{"write one, or delete the line", "値を書くか、行を削除する"},
		{"found *, *", "値は *。*"},
		{"found several lines or a control character", "複数行または制御文字がある"},
		{"found * bytes", "* バイトある"},
		{"found *", "値は *"},
		{"shorten it", "短くする"},
		{"given twice, first on line *", "2 回書かれている (最初は * 行目)"},
		{"delete one of the two", "どちらかを削除する"},
		{"a key of type * on a link of type *", "* 型のキーが * 型のリンクにある"},
		{"an empty list", "リストが空"},
		{"no service", "サービスがない"},
		{"not a service name", "サービス名ではない"},
		{"the file holds no settings", "ファイルに設定がない"},
		{"begin with the shipped minimal.yaml", "付属の minimal.yaml から始める"},
		{"add one, or set tunnel.enabled to false", "1 つ追加するか、tunnel.enabled を false にする"},
		{"use the name that is chosen when a tunnel is opened", "トンネルを開くときに選ぶ名前を使う"},
		{"add the name under which the device is registered in AWS IoT", "AWS IoT に登録したモノの名前を書く"},
		{"add the region of the IoT endpoint", "IoT エンドポイントのリージョンを書く"},
		{"add the account's endpoint", "アカウントのエンドポイントを書く"},
		{"add the kind of link", "リンクの種類を書く"},
		{"add a name: it appears in status and in commands", "名前を書く (status とコマンドで使う)"},
		{"add the path of the file downloaded from AWS Client VPN", "AWS Client VPN からダウンロードしたファイルのパスを書く"},
		{"copy the shipped minimal.yaml there and fill it in, or name another file", "付属の minimal.yaml をそこへコピーして記入するか、別のファイルを指定する"},
		{"write the path of the file", "ファイルのパスを書く"},
		{"write the key as one word", "キーを 1 つの単語で書く"},
		{"write \"key: value\" lines below it", "その下に \"キー: 値\" の行を書く"},
		{"write *", "* と書く"},
		{"add the unit, such as *", "単位を付ける (例: *)"},
		{"a key that is *", "キーが *"},
	}
}
