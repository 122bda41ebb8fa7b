package check

// japanesePhrases are what the agent's other parts and the kernel say.
func japanesePhrases() []phrase {
	return []phrase{
		{"connection refused", "接続を拒否された"},
	}
}
