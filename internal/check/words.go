package check

import (
	"fmt"

	"edgeagent/internal/status"
)

// language is what the report says in one language. Findings and fixes are
// built where they are found, with their figures, and are English in both.
type language struct {
	ok, warning, fault, skipped string            // at most 5 columns
	fix                         string            // begins the line below a fault
	titles                      map[string]string // by id, before a finding; nil: none
	verdict                     func(state State, errors, warnings int, first string) string
}

var languages = map[status.Language]language{
	status.English: {
		ok: "ok", warning: "warn", fault: "ERROR", skipped: "skip", fix: "Fix: ",
		verdict: func(state State, errors, warnings int, first string) string {
			switch state {
			case Error:
				return fmt.Sprintf("%s, %s: begin with %s", plural(errors, "error"), plural(warnings, "warning"), first)
			case Warning:
				return plural(warnings, "warning") + ", no error"
			}
			return "no fault found"
		},
	},
	status.Japanese: {
		ok: "正常", warning: "警告", fault: "異常", skipped: "省略", fix: "対処: ",
		titles: japaneseTitles,
		verdict: func(state State, errors, warnings int, first string) string {
			switch state {
			case Error:
				return fmt.Sprintf("異常 %d 件、警告 %d 件: まず %s を直してください", errors, warnings, first)
			case Warning:
				return fmt.Sprintf("警告 %d 件、異常はありません", warnings)
			}
			return "異常は見つかりませんでした"
		},
	},
}

// japaneseTitles are the titles of table.go.
var japaneseTitles = map[string]string{
	"config":           "設定",
	"files":            "証明書と秘密鍵",
	"files.dates":      "証明書の有効期間",
	"daemon":           "edgeagent のサービス",
	"conflicts":        "同じ役割のほかのプログラム",
	"clock":            "時計",
	"disk":             "ディスク",
	"power":            "電源と温度",
	"uplink":           "この機器から外への経路",
	"uplink.name":      "VPN サーバーの名前",
	"uplink.portal":    "認証が必要なネットワーク",
	"link.profile":     "OpenVPN ファイル",
	"link":             "VPC へのリンク",
	"link.mtu":         "リンクのパケットサイズ",
	"link.ping":        "従量課金リンクの通信量",
	"dns":              "VPC でのエンドポイントの名前",
	"dns.os":           "ほかのプログラムの DNS 問い合わせ先",
	"dns.leak":         "ほかのプログラムでのプライベートな名前",
	"dns.tunneling":    "VPC でのトンネリングの名前",
	"endpoint":         "エンドポイントのアドレスと経路",
	"broker.tcp":       "ブローカーのポート",
	"broker.tls":       "ブローカーとの TLS",
	"broker.connect":   "MQTT の接続",
	"broker.subscribe": "トンネル通知",
	"tunnel":           "トンネリングエンドポイント",
	"tunnel.services":  "トンネルで使うサービス",
	"ssm":              "SSM エージェント",
}

// word is the state in a column.
func (l *language) word(s State) string {
	switch s {
	case OK:
		return l.ok
	case Warning:
		return l.warning
	case Error:
		return l.fault
	}
	return l.skipped
}

// finding is what a check found. Where it is bad, and the finding in a language
// that is not the reader's, its title says what was looked at.
func (l *language) finding(r Result) string {
	if title := l.titles[r.ID]; title != "" && r.State.severity() > 0 {
		return title + ": " + r.Finding
	}
	return r.Finding
}
