package phrase

import "slices"

// japanese are all that are known; the more specific come first.
func japanese() dictionary {
	all := slices.Concat(stagePhrases(), filePhrases(), refusalPhrases(), configPhrases())
	all = append(all, profilePhrases()...)
	all = append(all, linkPhrases()...)
	all = append(all, brokerPhrases()...)
	return append(all, acceptsPhrases()...)
}

// filePhrases are about the files that the configuration names.
func filePhrases() []phrase {
	return []phrase{
		{"the text inside is protected by a passphrase", "ファイル内の秘密鍵にパスフレーズが付いています"},
		{"the private key is protected by a passphrase", "秘密鍵にパスフレーズが付いています"},
		{"*the default * does not exist", "*既定の * がありません"},
		{"* does not exist", "* がありません"},
		{"* is not a regular file", "* は通常のファイルではありません"},
		{"* is where the service cannot see it: *", "* はサービスから見えない場所にあります (*)"},
		{"* is larger than 1 MiB", "* が 1 MiB を超えています"},
		{"* does not belong to the certificate", "* が証明書と一致しません"},
		{"* (*) holds a secret, and every user of this device can get at it", "* (*) は秘密のファイルですが、全ユーザーが読めます"},
		{"* (*) can be changed by every user of this device", "* (*) を全ユーザーが変更できます"},
		{"* is no OpenVPN client configuration: it has no remote", "* は OpenVPN のクライアント設定ではありません (remote 行がありません)"},
		{"* has no client certificate: AWS's download comes without one", "* にクライアント証明書がありません (AWS からダウンロードしたファイルには入っていません)"},
		{"* has a client certificate without its private key", "* にクライアント証明書はありますが、秘密鍵がありません"},
		{"* is empty", "* が空です"},
		{"* is UTF-16 text", "* が UTF-16 で保存されています"},
		{"* begins with a byte order mark, which hides its first line", "* の先頭に BOM があり、1 行目を読めません"},
		{"* is damaged or cut off: a line \"-----BEGIN\" without its \"-----END\"", "* が途中で切れています (\"-----BEGIN\" に対応する \"-----END\" がありません)"},
		{"* holds no PEM text", "* は PEM 形式ではありません"},
		{"* is a certificate in DER form", "* は DER 形式の証明書です"},
		{"* is a private key in DER form", "* は DER 形式の秘密鍵です"},
		{"* is protected by a passphrase", "* にパスフレーズが付いています"},
		{"* holds a damaged certificate", "* の証明書が壊れています"},
		{"* holds the certificate of *, which is no CA", "* の証明書 (*) は CA ではありません"},
		{"* holds *, and no *", "* の中身が違います: *。必要なもの: *"},
		{"* (*) cannot be read by user *", "* (*) をユーザー * が読めません"},
		{"* cannot be read by user *: the directory * (*) is closed to it", "* をユーザー * が読めません。ディレクトリ * (*) に入れません"},
		{"* cannot be read by user *, although owners and modes allow it", "* をユーザー * が読めません (所有者とモードに問題はありません)"},
		{"* cannot be read by user *", "* をユーザー * が読めません"},
		{"* cannot be opened: *", "* を開けません: *"},
		{"* is not a program", "* はプログラムではありません"},
		{"asks for a password, and nobody is there to type it", "パスワードの入力を求めますが、入力する人がいません"},
		{"the endpoint wants people to sign on in a browser (SAML)", "エンドポイントがブラウザーでのログイン (SAML) を求めます"},
		{"put the file there, or correct the path", "ファイルを置くか、パスを直してください"},
		{"put the right file there", "正しいファイルを置いてください"},
		{"put the PEM file of the * there", "PEM 形式のファイル (*) を置いてください"},
		{"put the file of the * there", "正しいファイル (*) を置いてください"},
		{"put the two that were issued together there", "同時に発行された証明書と秘密鍵を置いてください"},
		{"put the CA's certificate there", "CA 証明書を置いてください"},
		{"put the file downloaded from AWS Client VPN there", "AWS クライアント VPN からダウンロードしたファイルを置いてください"},
		{"copy it again", "コピーし直してください"},
		{"make it plain text", "通常のテキストに変換してください"},
		{"make it PEM", "PEM 形式に変換してください"},
		{"remove the mark", "BOM を取り除いてください"},
		{"take the passphrase off: nobody is there to type it", "パスフレーズを外してください (入力する人がいません)"},
		{"close it to them", "権限を制限してください"},
		{"give it to the group *", "グループ * に読み取りを許可してください"},
		{"open the directory to the group *", "ディレクトリをグループ * に開放してください"},
		{"move the file to * and write its new path", "ファイルを * に移し、新しいパスを書いてください"},
		{"look for an access control list (getfacl) or a security module on its way", "ACL (getfacl) またはセキュリティモジュールを調べてください"},
		{"add <key> to it, or set cert and key here", "<key> を追加するか、設定の cert と key に書いてください"},
		{"add <cert> and <key> to it, or set cert and key here", "<cert> と <key> を追加するか、設定の cert と key に書いてください"},
		{"give the device an endpoint with mutual (certificate) authentication", "相互認証 (証明書) のエンドポイントを使ってください"},
		{"name a file after it that holds the answer, or delete the line", "答えを書いたファイルの名前を続けて書くか、行を削除してください"},
		{"install the program, or write builtin", "プログラムをインストールするか、builtin と書いてください"},
	}
}

// configPhrases are about the values in the configuration. What is accepted
// follows in the schema's own words, most of which are keys and ranges.
func configPhrases() []phrase {
	return []phrase{
		{"does not exist", "ファイルがありません"},
		{"accepted: *", "使える値: *"},
		{"unknown key", "存在しないキーです"},
		{"did you mean *?", "* の書き間違いではありませんか"},
		{"delete the line", "行を削除してください"},
		{"missing", "未記入です"},
		{"empty", "空欄です"},
		{"no value", "値がありません"},
		{"write one, or delete the line", "値を書くか、行を削除してください"},
		{"found *, *", "値は * です。*"},
		{"found several lines or a control character", "複数行または制御文字があります"},
		{"found * bytes", "* バイトあります"},
		{"found *", "値は * です"},
		{"shorten it", "短くしてください"},
		{"given twice, first on line *", "2 回書かれています (最初は * 行目)"},
		{"delete one of the two", "どちらかを削除してください"},
		{"a key of type * on a link of type *", "* 型のキーが * 型のリンクにあります"},
		{"an empty list", "リストが空です"},
		{"no service", "サービスがありません"},
		{"not a service name", "サービス名ではありません"},
		{"the file holds no settings", "ファイルに設定がありません"},
		{"begin with the shipped minimal.yaml", "付属の minimal.yaml から始めてください"},
		{"add one, or set tunnel.enabled to false", "1 つ追加するか、tunnel.enabled を false にしてください"},
		{"use the name that is chosen when a tunnel is opened", "トンネルを開くときに選ぶ名前を使ってください"},
		{"add the name under which the device is registered in AWS IoT", "AWS IoT に登録したモノの名前を書いてください"},
		{"add the region of the IoT endpoint", "IoT エンドポイントのリージョンを書いてください"},
		{"add the account's endpoint", "アカウントのエンドポイントを書いてください"},
		{"add the kind of link", "リンクの種類を書いてください"},
		{"add a name: it appears in status and in commands", "名前を書いてください (status とコマンドで使います)"},
		{"add the path of the file downloaded from AWS Client VPN", "AWS クライアント VPN からダウンロードしたファイルのパスを書いてください"},
		{"copy the shipped minimal.yaml there and fill it in, or name another file", "付属の minimal.yaml をそこへコピーして記入するか、別のファイルを指定してください"},
		{"write the path of the file", "ファイルのパスを書いてください"},
		{"write the key as one word", "キーを 1 つの単語で書いてください"},
		{"write \"key: value\" lines below it", "その下に \"キー: 値\" の行を書いてください"},
		{"write *", "* と書いてください"},
		{"add the unit, such as *", "単位を付けてください (例: *)"},
		{"a key that is *", "キーが *"},
	}
}
